//! The network towards the stores, against servers on this machine: what certainly was not sent, what nobody knows, and
//! where it refuses to go.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use bytes::Bytes;
use channels::{Http, HttpError, Request};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use web::client::{ANSWER_MAX, NetHttp};

const PATIENT: Duration = Duration::from_secs(20);

fn post(address: &str) -> Request {
    http::Request::post(address).body(Bytes::from_static(b"{}")).unwrap()
}

/// A server that does this with each connection; its address, and how many connections it has had.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (address, count)
}

/// Reads one request, as far as these tests write them.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"{}") {
        let mut part = [0; 1024];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => seen.extend_from_slice(&part[..read]),
        }
    }
    true
}

async fn answers(mut stream: TcpStream, answer: &'static str) {
    while read_request(&mut stream).await {
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn send(http: &NetHttp, address: SocketAddr, timeout: Duration) -> Result<channels::Response, HttpError> {
    http.send(post(&format!("http://{address}/v1?key=hush")), timeout).await
}

#[tokio::test]
async fn an_answer_comes_back_whole_over_one_connection() {
    let (address, connections) =
        server(|stream| answers(stream, "HTTP/1.1 429 Too Many\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nslow"))
            .await;
    let http = NetHttp::new(true);
    for _ in 0..3 {
        let answer = send(&http, address, PATIENT).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (429, b"slow".as_slice()));
        assert_eq!(answer.headers()["retry-after"], "7");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (address, _) = server(move |stream| answers(stream, redirect)).await;
    assert_eq!(send(&NetHttp::new(true), address, PATIENT).await.unwrap().status(), 302);
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let http = NetHttp::new(true);
    for refused in [
        send(&http, address, PATIENT).await,
        http.send(post("http://no-such-host.invalid/"), PATIENT).await,
        http.send(post("/only/a/path"), PATIENT).await,
        send(&http, address, Duration::ZERO).await,
    ] {
        assert!(matches!(refused, Err(HttpError::NotSent(_))), "{refused:?}");
    }
}

/// <https://www.rfc-editor.org/rfc/rfc2606>: `.invalid` never resolves; 192.0.2.0/24 never answers.
#[tokio::test]
async fn what_may_have_arrived_is_unknown() {
    let (silent, _) = server(|stream| async move {
        tokio::time::sleep(PATIENT).await;
        drop(stream);
    })
    .await;
    let (cut, _) = server(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let (half, _) = server(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let http = NetHttp::new(true);
    let began = Instant::now();
    for (address, timeout) in [(silent, Duration::from_millis(200)), (cut, PATIENT), (half, PATIENT)] {
        let lost = send(&http, address, timeout).await;
        assert!(matches!(&lost, Err(HttpError::NoAnswer(why)) if !why.contains("hush")), "{lost:?}");
    }
    assert!(began.elapsed() < PATIENT, "each was told as soon as it was known");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let (address, _) = server(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        let mut sent = 0;
        while sent < 4 * ANSWER_MAX && stream.write_all(&chunk).await.is_ok() {
            sent += 0x10000;
        }
        assert!(sent < 4 * ANSWER_MAX, "the client read on and on");
    })
    .await;
    let cut = send(&NetHttp::new(true), address, PATIENT).await;
    assert!(matches!(&cut, Err(HttpError::NoAnswer(why)) if why.contains("larger")), "{cut:?}");
}

#[tokio::test]
async fn a_merchants_address_never_leads_inside() {
    let (address, connections) = server(|stream| answers(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let (http, port) = (NetHttp::new(false), address.port());
    for inside in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://127.1:{port}/"),
        format!("https://0x7f000001:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://LOCALHOST.:{port}/"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let refused = http.send(post(&inside), PATIENT).await;
        assert!(matches!(refused, Err(HttpError::NotSent(_))), "{inside}: {refused:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0, "nothing even knocked");
}
