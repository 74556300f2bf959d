//! The contracts of store, queue and vault on the adapters of one machine; and that they keep what they promised when
//! the process dies.
#![allow(clippy::expect_used)]

use async_trait::async_trait;
use channels::clock::SystemClock;
use channels::{Secret, Secrets};
use engine::ports::{Queue, QueueName, Vault};
use local::{EmbeddedDynamo, FileVault, LocalQueue};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tests::contract::clock::ManualClock;
use tests::contract::{queue, vault};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

mod store {
    use super::*;

    async fn open() -> Option<(aws::DynamoStore, (EmbeddedDynamo, TempDir))> {
        let folder = folder();
        let embedded = EmbeddedDynamo::open(folder.path()).await.expect("the store opens");
        Some((embedded.store(), (embedded, folder)))
    }

    tests::store_contract!(open);
}

mod queues {
    use super::*;

    struct LocalRig {
        queue: LocalQueue,
        waiting: LocalQueue,
        clock: Arc<ManualClock>,
    }

    #[async_trait]
    impl queue::Rig for LocalRig {
        fn queue(&self) -> &dyn Queue {
            &self.queue
        }

        fn visibility(&self, queue: QueueName) -> Duration {
            Duration::from_secs(if queue == QueueName::Changes { 180 } else { 60 })
        }

        async fn pass(&self, duration: Duration) {
            self.clock.pass(duration);
            tokio::task::yield_now().await;
        }

        fn waiting(&self) -> &dyn Queue {
            &self.waiting
        }
    }

    async fn open() -> Option<(LocalRig, TempDir)> {
        tokio::task::yield_now().await;
        let (folder, clock) = (folder(), Arc::new(ManualClock::default()));
        let queue = LocalQueue::open(&folder.path().join("a"), Arc::clone(&clock) as _).expect("the queue opens");
        let waiting = LocalQueue::open(&folder.path().join("b"), Arc::new(SystemClock)).expect("the queue opens");
        Some((LocalRig { queue, waiting, clock }, folder))
    }

    tests::queue_contract!(open);
}

mod vaults {
    use super::*;

    struct FileRig(FileVault, TempDir);

    #[async_trait]
    impl vault::Rig for FileRig {
        fn vault(&self) -> &dyn Vault {
            &self.0
        }

        async fn other(&self) -> Box<dyn Vault> {
            tokio::task::yield_now().await;
            Box::new(FileVault::open(self.1.path()).expect("the vault opens"))
        }
    }

    async fn open() -> Option<(FileRig, ())> {
        tokio::task::yield_now().await;
        let folder = folder();
        Some((FileRig(FileVault::open(folder.path()).expect("the vault opens"), folder), ()))
    }

    tests::vault_contract!(open);

    fn mode(path: &std::path::Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().expect("a file").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let path = folder.path().join("data");
        let vault = FileVault::open(&path).expect("the vault opens");
        vault.put("a", &Secrets::from([("token".to_owned(), Secret::new("s"))])).await.expect("a put");
        assert_eq!([mode(&path), mode(&path.join("secrets.json"))], [0o700, 0o600]);
        std::fs::set_permissions(path.join("secrets.json"), std::fs::Permissions::from_mode(0o640)).expect("a chmod");
        let error = FileVault::open(&path).expect_err("others can read it").to_string();
        assert!(error.contains("others can read") && error.contains("mode 640"), "{error}");
    }

    #[tokio::test]
    async fn a_write_of_another_process_is_noticed() {
        let folder = folder();
        let open = || FileVault::open(folder.path()).expect("the vault opens");
        let (here, there) = (open(), open());
        for token in ["one", "two"] {
            let secrets = Secrets::from([("token".to_owned(), Secret::new(token))]);
            there.put("a", &secrets).await.expect("a put");
            assert_eq!(here.get("a", false).await.expect("a read"), Some(secrets));
        }
    }

    #[tokio::test]
    async fn a_broken_file_is_refused_and_not_quoted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let file = folder.path().join("secrets.json");
        std::fs::write(&file, "{\"a\":\"hunter2\"}").expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a chmod");
        let error = FileVault::open(folder.path()).expect_err("it is not ours").to_string();
        assert!(error.contains("is not ours") && !error.contains("hunter2"), "{error}");
    }
}

mod after_a_crash {
    //! A copy of the files taken while everything is open is what a killed process leaves behind.

    use super::*;
    use engine::ports::{Change, Condition, Key, Outbound, Row, Store};
    use std::path::Path;

    fn copy(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).expect("a directory") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }

    fn row(sk: usize) -> Row {
        let key = Key { pk: "p".to_owned(), sk: format!("{sk:04}") };
        Row { key, version: 1, body: "{}".to_owned(), expires: None, index: None }
    }

    #[tokio::test]
    async fn the_store_has_every_answered_write() {
        let (before, after) = (folder(), folder());
        let embedded = EmbeddedDynamo::open(before.path()).await.expect("the store opens");
        let store = embedded.store();
        for n in 0..30 {
            store.write(&[Change::Put(row(n), Condition::Absent)]).await.expect("a put");
        }
        store
            .write(&[Change::Put(row(30), Condition::Absent), Change::Put(row(31), Condition::Absent)])
            .await
            .expect("a transaction");
        copy(before.path(), after.path());
        let reopened = EmbeddedDynamo::open(after.path()).await.expect("the store opens again").store();
        let keys: Vec<Key> = (0..33).map(|n| row(n).key).collect();
        let found = reopened.get(&keys).await.expect("a read");
        assert_eq!(found.iter().filter(|row| row.is_some()).count(), 32);
        assert_eq!(found[32], None);
    }

    #[tokio::test]
    async fn a_store_opens_beside_its_own_file_again_and_again() {
        let folder = folder();
        for n in 0..3 {
            let store = EmbeddedDynamo::open(folder.path()).await.expect("the store opens").store();
            store.write(&[Change::Put(row(n), Condition::Absent)]).await.expect("a put");
            let found = store.get(&[row(0).key, row(n).key]).await.expect("a read");
            assert_eq!(found, [Some(row(0)), Some(row(n))]);
        }
    }

    #[tokio::test]
    async fn expired_rows_are_swept_and_others_stay() {
        let folder = folder();
        let embedded = EmbeddedDynamo::open(folder.path()).await.expect("the store opens");
        let store = embedded.store();
        let past = Row { expires: Some(domain::Timestamp(1_000_000_000_000)), ..row(1) };
        let future = Row { expires: Some(domain::Timestamp(4_102_444_800_000)), ..row(2) };
        store.put_all(&[past.clone(), future.clone(), row(3)]).await.expect("rows are put");
        let sweeper = embedded.clone();
        let swept = tokio::task::spawn_blocking(move || sweeper.sweep_expired()).await.expect("no panic");
        assert_eq!(swept.expect("a sweep"), 1);
        let found = store.get(&[past.key, future.key.clone(), row(3).key]).await.expect("a read");
        assert_eq!(found, [None, Some(future), Some(row(3))]);
    }

    #[tokio::test]
    async fn a_back_up_is_a_whole_store() {
        let (before, after) = (folder(), folder());
        let embedded = EmbeddedDynamo::open(before.path()).await.expect("the store opens");
        embedded.store().write(&[Change::Put(row(1), Condition::Absent)]).await.expect("a put");
        embedded.back_up(&after.path().join("store.sqlite")).expect("a back-up");
        let restored = EmbeddedDynamo::open(after.path()).await.expect("the copy opens").store();
        assert_eq!(restored.get(&[row(1).key]).await.expect("a read"), [Some(row(1))]);
    }

    fn message(body: &str) -> Outbound {
        let deduplication = Some(body.to_owned());
        Outbound { group: "a".to_owned(), body: body.to_owned(), deduplication, delay: Duration::ZERO }
    }

    fn open(folder: &TempDir) -> LocalQueue {
        LocalQueue::open(folder.path(), Arc::new(SystemClock)).expect("the queue opens")
    }

    async fn received(queue: &LocalQueue, name: QueueName) -> Vec<(String, u32)> {
        let found = queue.receive(name, 10, Duration::ZERO).await.expect("a receive");
        found.into_iter().map(|message| (message.body, message.receives)).collect()
    }

    #[tokio::test]
    async fn the_queue_has_every_answered_message() {
        use QueueName::{Changes, Lane};
        let (before, after) = (folder(), folder());
        let queue = open(&before);
        let delayed = Outbound { delay: Duration::from_secs(600), ..message("delayed") };
        queue.send(Changes, &[message("worked off"), message("in flight"), delayed]).await.expect("messages");
        queue.send(Lane, &[message("first"), message("second")]).await.expect("messages");
        let found = queue.receive(Changes, 2, Duration::ZERO).await.expect("a receive");
        queue.delete(Changes, &[found[0].receipt.clone()]).await.expect("a delete");
        copy(before.path(), after.path());

        let reopened = open(&after);
        // nobody can be working on it: it comes at once, and counts on
        assert_eq!(received(&reopened, Changes).await, [("in flight".to_owned(), 2)]);
        assert_eq!(reopened.depth(Changes).await.expect("a depth").waiting, 1, "the delayed one waits");
        assert_eq!(received(&reopened, Lane).await, [("first".to_owned(), 1)]);
        reopened.send(Lane, &[message("first")]).await.expect("a message");
        assert_eq!(reopened.depth(Lane).await.expect("a depth").waiting, 1, "it still knows what it has seen");
    }

    #[tokio::test]
    async fn a_queue_belongs_to_one_process() {
        let folder = folder();
        let first = open(&folder);
        first.send(QueueName::Changes, &[message("x")]).await.expect("a message");
        let error = LocalQueue::open(folder.path(), Arc::new(SystemClock)).err().expect("it is in use").to_string();
        assert!(error.contains("locked"), "{error}");
    }

    #[tokio::test]
    async fn a_new_process_never_reuses_the_name_of_a_message() {
        let folder = folder();
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let queue = open(&folder);
            queue.send(QueueName::Changes, &[message("x")]).await.expect("a message");
            let found = queue.receive(QueueName::Changes, 1, Duration::ZERO).await.expect("a receive");
            queue.delete(QueueName::Changes, &[found[0].receipt.clone()]).await.expect("a delete");
            assert!(names.insert(found[0].id.clone()));
            drop(queue);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    const CHILD: &str = "EVENSTOCK_TEST_CRASH_FOLDER";
    /// Answers that the parent waits for before it kills the child.
    const ANSWERS: usize = 40;

    /// Writes to the store and the queue in turn for ever, and says so after each answer.
    async fn write_for_ever(folder: &Path) {
        use std::io::Write;
        let store = EmbeddedDynamo::open(folder).await.expect("the store opens").store();
        let queue = LocalQueue::open(folder, Arc::new(SystemClock)).expect("the queue opens");
        for n in 0.. {
            store.write(&[Change::Put(row(n), Condition::Absent)]).await.expect("a put");
            queue.send(QueueName::Changes, &[message(&n.to_string())]).await.expect("a message");
            writeln!(std::io::stdout(), "answered {n}").expect("the parent listens");
        }
    }

    /// The test starts itself as a child, kills it in the middle of its work, and opens what it left behind.
    #[tokio::test]
    async fn a_killed_process_keeps_every_answer() {
        use std::io::{BufRead, BufReader};
        if let Some(folder) = std::env::var_os(CHILD) {
            return write_for_ever(Path::new(&folder)).await;
        }
        let folder = folder();
        let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "after_a_crash::a_killed_process_keeps_every_answer", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let answers = lines.map_while(Result::ok).filter(|line| line.starts_with("answered"));
        assert_eq!(answers.take(ANSWERS).count(), ANSWERS, "the child ended by itself");
        child.kill().expect("the child is killed");
        child.wait().expect("the child has ended");

        let store = EmbeddedDynamo::open(folder.path()).await.expect("the store opens").store();
        let keys: Vec<Key> = (0..ANSWERS).map(|n| row(n).key).collect();
        assert!(store.get(&keys).await.expect("a read").iter().all(Option::is_some));
        let waiting = open(&folder).depth(QueueName::Changes).await.expect("a depth").waiting;
        assert!(waiting >= ANSWERS as u64, "{waiting}");
    }
}
