//! The contracts of store, queue and vault on the adapters of AWS, against emulators that `tests/run` starts: MiniStack
//! at `EVENSTOCK_MINISTACK`, and moto at `EVENSTOCK_MOTO` for what one caller can see (its transactions race). Without
//! them these tests fail, unless `EVENSTOCK_WITHOUT_EMULATORS=1` says that this is meant.
#![allow(clippy::expect_used)]

use aws::clients::{self, Clients};
use std::env;
use tests::contract::unique;

/// Clients for the emulator whose address is in `variable`; `None` when going without is meant.
fn emulator(variable: &str) -> Option<Clients> {
    if let Some(address) = env::var(variable).ok().filter(|address| !address.is_empty()) {
        return Some(clients::emulated(&address, &clients::https()));
    }
    let meant = env::var("EVENSTOCK_WITHOUT_EMULATORS").is_ok_and(|value| value == "1");
    assert!(
        meant,
        "{variable} is not set: start the emulators with tests/run, or set EVENSTOCK_WITHOUT_EMULATORS=1 to go without"
    );
    #[expect(clippy::print_stderr, reason = "nothing is left out silently")]
    {
        eprintln!("left out: {variable} is not set");
    }
    None
}

async fn store(variable: &str) -> Option<(aws::DynamoStore, ())> {
    let clients = emulator(variable)?;
    let table = unique("stock");
    aws::create_table(&clients.dynamo, &table).await.expect("the table is created");
    Some((aws::DynamoStore::new(clients.dynamo, table), ()))
}

mod ministack {
    use super::*;
    use async_trait::async_trait;
    use aws::{Deletion, SecretsVault, SqsQueue};
    use engine::ports::{Queue, QueueName, Vault};
    use std::time::Duration;
    use tests::contract::{queue, vault};

    const ADDRESS: &str = "EVENSTOCK_MINISTACK";

    mod stores {
        async fn open() -> Option<(aws::DynamoStore, ())> {
            super::store(super::ADDRESS).await
        }

        tests::store_contract!(open);
    }

    /// Long enough for a slow emulator to do several calls within it.
    const VISIBILITY: Duration = Duration::from_secs(4);

    struct SqsRig(SqsQueue);

    #[async_trait]
    impl queue::Rig for SqsRig {
        fn queue(&self) -> &dyn Queue {
            &self.0
        }

        fn visibility(&self, _: QueueName) -> Duration {
            VISIBILITY
        }

        async fn pass(&self, duration: Duration) {
            tokio::time::sleep(duration).await;
        }

        fn waiting(&self) -> &dyn Queue {
            &self.0
        }
    }

    mod queues {
        use super::*;

        async fn open() -> Option<(SqsRig, ())> {
            let clients = emulator(ADDRESS)?;
            let urls =
                aws::create_queues(&clients.sqs, &unique("q"), VISIBILITY).await.expect("the queues are created");
            Some((SqsRig(SqsQueue::new(clients.sqs, urls)), ()))
        }

        tests::queue_contract_calls!(open);
    }

    mod vaults {
        use super::*;

        struct SecretsRig {
            clients: Clients,
            prefix: String,
            vault: SecretsVault,
        }

        fn secrets_vault(clients: &Clients, prefix: &str) -> SecretsVault {
            SecretsVault::new(clients.secrets.clone(), prefix.to_owned(), Deletion::After(7))
        }

        #[async_trait]
        impl vault::Rig for SecretsRig {
            fn vault(&self) -> &dyn Vault {
                &self.vault
            }

            async fn other(&self) -> Box<dyn Vault> {
                tokio::task::yield_now().await;
                Box::new(secrets_vault(&self.clients, &self.prefix))
            }
        }

        async fn open() -> Option<(SecretsRig, ())> {
            tokio::task::yield_now().await;
            let (clients, prefix) = (emulator(ADDRESS)?, unique("hub"));
            let vault = secrets_vault(&clients, &prefix);
            Some((SecretsRig { clients, prefix, vault }, ()))
        }

        tests::vault_contract!(open);

        #[tokio::test]
        async fn a_forced_deletion_leaves_nothing_to_restore() {
            let Some(clients) = emulator(ADDRESS) else { return };
            let vault = SecretsVault::new(clients.secrets, unique("hub"), Deletion::Forced);
            let secrets = channels::Secrets::from([("token".to_owned(), channels::Secret::new("s"))]);
            vault.put("a", &secrets).await.expect("a put");
            vault.delete("a").await.expect("a delete");
            assert_eq!(vault.get("a", true).await.expect("a read"), None);
            vault.put("a", &secrets).await.expect("a put under the old name");
        }
    }
}

mod moto {
    mod stores {
        async fn open() -> Option<(aws::DynamoStore, ())> {
            super::super::store("EVENSTOCK_MOTO").await
        }

        tests::store_contract_calls!(open);
    }
}
