//! Mail over SMTP, to a server that says what the protocol says and keeps what came.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use engine::ports::{Mail, Mailer};
use local::SmtpMailer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Takes one conversation; gives what the client said. `answer` is what the server says after the message.
async fn conversation(listener: TcpListener, answer: &'static str) -> Vec<String> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let (mut said, mut in_message) = (Vec::new(), false);
    write.write_all(b"220 mail.test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let reply = match line.get(..4).unwrap_or(&line) {
            "." => {
                in_message = false;
                answer
            }
            _ if in_message => "",
            "EHLO" => "250 mail.test\r\n",
            "DATA" => {
                in_message = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        said.push(line);
        write.write_all(reply.as_bytes()).await.unwrap();
    }
    said
}

async fn sent(answer: &'static str) -> (Result<(), String>, Vec<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(conversation(listener, answer));
    let mailer = SmtpMailer::new(&format!("smtp://127.0.0.1:{port}"), "hub@example.com").unwrap();
    let mail = Mail {
        to: "ann@example.com".into(),
        subject: "Evenstock: north failing".into(),
        text: "503 says north".into(),
    };
    let done = mailer.send(&mail).await.map_err(|error| error.to_string());
    drop(mailer);
    (done, server.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_arrives() {
    let (done, said) = sent("250 queued\r\n").await;
    assert_eq!(done, Ok(()));
    for line in [
        "MAIL FROM:<hub@example.com>",
        "RCPT TO:<ann@example.com>",
        "Subject: Evenstock: north failing",
        "503 says north",
    ] {
        assert!(said.iter().any(|one| one.starts_with(line)), "{line}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_says_is_told() {
    let (done, _) = sent("554 no such person\r\n").await;
    let error = done.unwrap_err();
    assert!(error.starts_with("the mail server did not take it") && error.contains("554"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_checked() {
    let wrong = |url: &str, from: &str| SmtpMailer::new(url, from).err().unwrap();
    assert!(wrong("smtp://localhost", "nobody").starts_with("mail from:"));
    assert!(wrong("http://localhost", "hub@example.com").starts_with("smtp url:"));
}
