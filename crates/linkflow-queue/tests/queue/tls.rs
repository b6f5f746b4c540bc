//! Servers that want TLS and a password.

use std::path::Path;
use std::process::Command;

use linkflow_queue::{Queue, RedisQueue, Settings};

use crate::servers::{Process, free_port};
use crate::stage::{jobs, numbers, soon};

/// Makes an authority and a certificate for 127.0.0.1; returns the authority's certificate.
fn certificates(folder: &Path) -> Vec<u8> {
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {new_key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    openssl(folder, &format!("req {new_key} -keyout key.pem -out request.pem -subj /CN=redis"));
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(
        folder,
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem",
    );
    std::fs::read(folder.join("ca.pem")).unwrap()
}

fn openssl(folder: &Path, line: &str) {
    let made = Command::new("openssl").args(line.split(' ')).current_dir(folder).output();
    let made = made.expect("openssl is installed");
    assert!(made.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_and_a_password_is_used_by_who_trusts_it_and_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, port) = (certificates(folder.path()), free_port());
    let of_port = port.to_string();
    let tls = ["--tls-port", &of_port, "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem"];
    let more = ["--port", "0", "--tls-auth-clients", "no", "--save", "", "--requirepass", "geheim"];
    let _server = Process::start("redis-server", &[&tls[..], &more[..]].concat(), folder.path());
    let mut settings = Settings::new(&format!("rediss://:geheim@127.0.0.1:{port}"));
    settings.ca_certificate = Some(certificate.clone());
    let queue = Queue::Redis(RedisQueue::open(settings).await.unwrap());
    let pushed = async {
        while queue.push(jobs([1])).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    soon(pushed).await;
    assert_eq!(numbers(&soon(queue.take(1)).await.unwrap()), [1]);

    let strangers =
        RedisQueue::open(Settings::new(&format!("rediss://:geheim@127.0.0.1:{port}"))).await.unwrap();
    let error = strangers.push(jobs([2])).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    let mut forgot = Settings::new(&format!("rediss://:falsch@127.0.0.1:{port}"));
    forgot.ca_certificate = Some(certificate);
    let error = RedisQueue::open(forgot).await.unwrap().push(jobs([2])).await.unwrap_err().to_string();
    assert!(error.contains("WRONGPASS") && !error.contains("falsch"), "{error}");
}
