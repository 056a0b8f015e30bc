//! Spans of what the stores are asked, named `db.<table>.<verb>` and `redis.<script>`: words of our own statements, and
//! never a value that goes into them.

use futures_util::future::Either;
use sqlx::Execute;
use trace::Span;

use crate::error::Error;
use crate::session::Statement;

/// The span of a statement if anybody will see it; only then is the statement looked at, which takes it apart.
pub(crate) fn of_statement(mut statement: Statement<'_>) -> Result<(Option<Span>, Statement<'_>), Error> {
    if !trace::is_recording() {
        return Ok((None, statement));
    }
    // Behind a pooler nothing is prepared for later, seen or not.
    let is_persistent = Execute::persistent(&statement);
    let arguments = statement.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
    let sql = statement.sql();
    let span = of_sql(sql.as_str());
    Ok((span, sqlx::query_with(sql, arguments).persistent(is_persistent)))
}

/// The same for a statement without arguments.
pub(crate) fn of_sql(sql: &str) -> Option<Span> {
    let span = trace::client(|| name_of(sql))?;
    span.set("db.system.name", "postgresql");
    Some(span)
}

/// The span of a call of Redis.
pub(crate) fn of_script(script: &'static str) -> Option<Span> {
    let span = trace::client(|| format!("redis.{script}"))?;
    span.set("db.system.name", "redis");
    Some(span)
}

/// Does the work within the span, if there is one. What is returned is no larger than the work, as an `async fn` of the
/// same would be.
pub(crate) fn around<T, E>(
    span: Option<Span>,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    let Some(span) = span else { return Either::Left(work) };
    Either::Right(async move {
        let done = span.around(work).await;
        if done.is_err() {
            span.fail("failed");
        }
        done
    })
}

/// `db.<table>.<verb>`, or `db.<verb>` where there is no table.
fn name_of(sql: &str) -> String {
    let words = || sql.split_ascii_whitespace();
    let is_verb = |word: &&str| matches!(*word, "select" | "insert" | "update" | "delete" | "begin" | "commit");
    let verb = words().find(is_verb).unwrap_or("run");
    let mut after = words().skip_while(|word| !matches!(*word, "from" | "into" | "update")).skip(1);
    match after.next().filter(|table| table.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')) {
        Some(table) => format!("db.{table}.{verb}"),
        None => format!("db.{verb}"),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use sqlx::Arguments;
    use trace::Tracer;

    use super::*;

    #[tokio::test]
    async fn a_statement_is_the_same_whether_or_not_it_is_seen() {
        let provider = SdkTracerProvider::builder().build();
        let request = Tracer::new(provider.tracer("test")).server("request", &Default::default());
        for is_persistent in [true, false] {
            let statement = || sqlx::query("select id from keys where id = $1").bind(7).persistent(is_persistent);
            let (unseen, _) = of_statement(statement()).unwrap();
            assert!(unseen.is_none(), "nobody looks");
            let (seen, mut statement) = request.around(async { of_statement(statement()) }).await.unwrap();
            assert!(seen.is_some_and(|span| span.is_recording()));
            assert_eq!(Execute::persistent(&statement), is_persistent);
            assert_eq!(statement.take_arguments().unwrap().unwrap().len(), 1);
            assert_eq!(statement.sql().as_str(), "select id from keys where id = $1");
        }
    }

    #[test]
    fn a_statement_is_named_by_its_table_and_its_verb() {
        let named = [
            ("select id, name\n  from keys\n where id = $1", "db.keys.select"),
            ("insert into outbox (id) select $1", "db.outbox.insert"),
            ("update credits set remaining = remaining - $1", "db.credits.update"),
            ("delete from outbox where id = any ($1)", "db.outbox.delete"),
            ("begin read only", "db.begin"),
            ("commit", "db.commit"),
            ("select set_config('claviger.organization', $1, true), clock_timestamp()", "db.select"),
            ("select count(*) from unnest($1)", "db.select"),
        ];
        for (sql, name) in named {
            assert_eq!(name_of(sql), name);
        }
    }
}
