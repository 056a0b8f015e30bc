//! TLS on the key service's own listener, and the client that our API reaches it with.

use client::wire::VerifyRequest;
use client::{KeysClient, KeysError};
use server::settings::Tls;

use testkit::keys_fixture::{INTERNAL_TOKEN, KeysFixture, policy, wait_for};

#[tokio::test]
async fn a_listener_with_a_certificate_speaks_tls_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let tls = Tls {
        certificate_file: folder.path().join("certificate.pem").display().to_string(),
        key_file: folder.path().join("key.pem").display().to_string(),
    };
    std::fs::write(&tls.certificate_file, signed.cert.pem()).unwrap();
    std::fs::write(&tls.key_file, signed.signing_key.serialize_pem()).unwrap();
    let bench = KeysFixture::start().await;
    let mut config = bench.config(1);
    config.server.tls = tls;
    let replica = bench.replica(config).await;
    let issued = bench.issue(policy()).await;
    let (plain_url, url) = (replica.url.clone(), replica.url.replace("http://", "https://"));

    let client = KeysClient::trusting(signed.cert.pem().as_bytes(), &url, INTERNAL_TOKEN).unwrap();
    let question = || serde_json::from_value::<VerifyRequest>(serde_json::json!({"key": issued.secret})).unwrap();
    wait_for("readiness", async || bench.ready(&replica).await.0 == 200).await;
    let verdict = async || {
        let answers = client.verify(None, vec![question()], "req_test").await.unwrap();
        serde_json::to_value(&answers[0]).unwrap()["verdict"].clone()
    };
    assert_eq!(verdict().await, "VALID");
    let committed = bench.revoke(issued.id).await;
    bench.publish(bench.acme, &committed).await;
    assert_eq!(verdict().await, "REVOKED");

    // Whom nobody vouches for, and who speaks no TLS, is not answered.
    let stranger = KeysClient::new(&url, INTERNAL_TOKEN);
    assert!(matches!(stranger.verify(None, Vec::new(), "req_test").await, Err(KeysError::Unavailable(Some(_)))));
    let plain = KeysClient::new(&plain_url, INTERNAL_TOKEN);
    assert!(matches!(plain.verify(None, Vec::new(), "req_test").await, Err(KeysError::Unavailable(Some(_)))));
    replica.stop().await;
}
