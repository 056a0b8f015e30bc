//! TLS on a listener: certificate and key from files, HTTP/2 and HTTP/1.1 by the client's choice.

use std::{io, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A socket that is listened on, and the TLS that is spoken there, if any.
pub struct Binding {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
}

impl Binding {
    /// A listener that speaks TLS, or plain HTTP with `None`.
    pub fn new(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        Self { listener, tls }
    }
}

impl From<TcpListener> for Binding {
    fn from(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }
}

/// What accepts TLS with this chain of certificates and its key, both in PEM.
pub fn acceptor(certificates: &[u8], key: &[u8]) -> io::Result<TlsAcceptor> {
    let invalid = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
    let unreadable = |error| io::Error::new(io::ErrorKind::InvalidData, format!("no PEM: {error:?}"));
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(certificates).collect::<Result<_, _>>().map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(unreadable)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(invalid)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(invalid)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
