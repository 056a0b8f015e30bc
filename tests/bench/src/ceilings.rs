//! What a number is held against: servers that do nothing, or one thing, started and pinned as ours are.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use clap::ValueEnum;
use domain::access::Scope;
use domain::environment::Environment;
use domain::ids::{KeyId, OrganizationId};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::listener::TcpListener as PoemListener;
use poem::{EndpointExt, IntoResponse, Route, get, handler};
use poem_openapi::{Object, OpenApi, OpenApiService};
use sqlx::postgres::{PgPool, PgPoolOptions};
use store::Store;
use tokio::net::TcpListener;
use uuid::Uuid;

const POOL_SIZE: u32 = 10;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ceiling {
    /// hyper with a constant body.
    Hello,
    /// poem with a constant body.
    Poem,
    /// poem-openapi that reads JSON and writes it back, with its own payload.
    Echo,
    /// poem that reads one row by its primary key.
    Select,
    /// poem that reads a key as the API does, through the same store, and asks nobody whether it may.
    Key,
    /// poem that changes one row by its primary key and waits for the commit.
    Commit,
}

impl Ceiling {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Poem => "poem",
            Self::Echo => "echo",
            Self::Select => "select",
            Self::Key => "key",
            Self::Commit => "commit",
        }
    }

    /// Answers until it is killed.
    pub async fn serve(self, address: SocketAddr, database: Option<&str>) -> anyhow::Result<()> {
        match self {
            Self::Hello => serve_hyper(address).await,
            Self::Poem => Ok(poem::Server::new(PoemListener::bind(address)).run(Route::new().at("/", hello)).await?),
            Self::Echo => {
                let service = OpenApiService::new(EchoApi, "echo", "1");
                Ok(poem::Server::new(PoemListener::bind(address)).run(Route::new().nest("/", service)).await?)
            }
            Self::Key => {
                let config = store::DatabaseConfig::new(database.context("it needs --database")?, POOL_SIZE);
                let app = Route::new().at("/:organization/:id", get(whole_key)).data(Store::connect(&config).await?);
                Ok(poem::Server::new(PoemListener::bind(address)).run(app).await?)
            }
            Self::Select | Self::Commit => {
                let database = database.context("it needs --database")?;
                let pool = PgPoolOptions::new()
                    .max_connections(POOL_SIZE)
                    .min_connections(POOL_SIZE)
                    .test_before_acquire(false)
                    .connect(database)
                    .await?;
                let app = Route::new().at("/:organization/:id", get(row)).data(pool).data(self);
                Ok(poem::Server::new(PoemListener::bind(address)).run(app).await?)
            }
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Commit => {
                "update keys set updated_at = clock_timestamp() \
                where organization_id = $1 and id = $2 returning name"
            }
            Self::Hello | Self::Poem | Self::Echo | Self::Key | Self::Select => {
                "select name from keys where organization_id = $1 and id = $2"
            }
        }
    }
}

async fn serve_hyper(address: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = service_fn(|_| async {
            Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from_static(b"hello"))))
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(async move {
            // Whoever asks may go away at any time.
            let _ = connection.await;
        });
    }
}

#[handler]
fn hello() -> &'static str {
    "hello"
}

/// As large as the question to the key service.
#[derive(Debug, Object)]
struct Question {
    key: String,
}

struct EchoApi;

#[expect(clippy::disallowed_types, reason = "the stock payload is what is measured; nothing of it is served")]
type StockJson<T> = poem_openapi::payload::Json<T>;

#[OpenApi]
impl EchoApi {
    #[oai(path = "/echo", method = "post")]
    async fn echo(&self, question: StockJson<Question>) -> StockJson<Question> {
        question
    }
}

#[handler]
async fn row(
    poem::web::Path((organization, id)): poem::web::Path<(Uuid, Uuid)>,
    pool: poem::web::Data<&PgPool>,
    ceiling: poem::web::Data<&Ceiling>,
) -> poem::Result<poem::Response> {
    let row = sqlx::query_scalar::<_, String>(ceiling.sql()).bind(organization).bind(id).fetch_one(pool.0).await;
    let name = row.map_err(poem::error::InternalServerError)?;
    Ok(format!("{{\"name\":\"{name}\"}}").with_content_type("application/json").into_response())
}

#[handler]
async fn whole_key(
    poem::web::Path((organization, id)): poem::web::Path<(Uuid, Uuid)>,
    store: poem::web::Data<&Store>,
) -> poem::Result<poem::Response> {
    let organization = OrganizationId::from_uuid(organization);
    #[expect(clippy::disallowed_methods, reason = "the point of this server is that it asks nobody")]
    let scope = Scope::system("bench", Environment::Staging, organization);
    let mut read = store.read(&scope).await.map_err(poem::error::InternalServerError)?;
    let found = read.find_key(KeyId::from_uuid(id)).await.map_err(poem::error::InternalServerError)?;
    let name = found.map(|key| key.name).unwrap_or_default();
    Ok(format!("{{\"name\":\"{name}\"}}").with_content_type("application/json").into_response())
}
