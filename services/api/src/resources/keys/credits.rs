//! `{o}/keys/{key}/credits`: changes of a balance that is being spent.

use domain::policy::Credits;
use domain::validation::ValidationError;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::json::Json;
use server::problem::{ErrorCode, Problem};

use super::change;
use super::wire::credits::CREDITS_MAX;
use super::wire::key::KeyBody;
use crate::access::Scoped;
use crate::authenticate::not_found;
use crate::fields::Fields;
use crate::grant;
use crate::idempotency::{Idempotent, IdempotentRequest, Outcome};
use crate::operation::operations;
use crate::resources::Tags;

operations! {
    UpdateCredits => KeysUpdate, event("key.credits_changed"), idempotent;
}

/// A change of a balance: either member, not both.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct CreditsChange {
    /// So many more; fewer, if it is negative, but never less than nothing is left.
    #[oai(validator(minimum(value = "-1000000000000"), maximum(value = "1000000000000")))]
    pub add: Option<i64>,
    /// So many from now on, whatever was left.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub set: Option<i64>,
}

/// What a body asks for.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Add(i64),
    Set(i64),
}

/// The operation on a key's credits.
pub struct Api;

#[OpenApi]
impl Api {
    /// Add or set credits
    ///
    /// Happens between two spendings, so that none of them is undone: the balance is what was left, and so many more. The refill
    /// stays as it is. Giving credits needs `keys.create` too, and a calling key without a balance or with as many left.
    #[oai(
        path = "/v1/organizations/:organization/keys/:key/credits",
        method = "post",
        operation_id = "update_credits",
        tag = "Tags::Keys"
    )]
    async fn update_credits(
        &self,
        access: Scoped<UpdateCredits>,
        #[oai(name = "organization")] _organization: Path<String>,
        key: Path<String>,
        body: Json<CreditsChange>,
    ) -> Result<Ok200<Idempotent<KeyBody>>, Problem> {
        let attempt = IdempotentRequest::read(&access, body.raw())?;
        let mut write = access.write().await?;
        if let Outcome::Replayed(answer) = attempt.begin(&mut write).await? {
            return Ok(Ok200::new(Idempotent::Replayed(answer)));
        }
        let before = write.hold_key_with_credits(change::read_id(&key)?).await?.ok_or_else(not_found)?;
        let wanted = body.parse()?.read()?;
        let credits = wanted.over(before.credits.as_ref())?;
        grant::check_credits(&access, &mut write, &before, &credits).await?;
        let after = write.update_remaining(&before, credits.remaining).await?;
        let answer = KeyBody::new(&after, access.app.environment, write.now());
        attempt.keep(&mut write, &answer, None).await?;
        let event = change::event(&access, &write, (&before, &after)).with(wanted.name(), wanted.number());
        access.commit(write, event).await?;
        Ok(Ok200::new(Idempotent::First(answer)).etag(after.generation))
    }
}

impl CreditsChange {
    fn read(&self) -> Result<Wanted, Problem> {
        let mut fields = Fields::default();
        let in_range = |number: i64, least| {
            let refusal = || ValidationError::new("range", format!("{least} to {CREDITS_MAX}"));
            (least..=CREDITS_MAX).contains(&number).then_some(number).ok_or_else(refusal)
        };
        let wanted = match (self.add, self.set) {
            (Some(add), None) => fields.take("/add", in_range(add, -CREDITS_MAX)).map(Wanted::Add),
            (None, Some(set)) => fields.take("/set", in_range(set, 0)).map(Wanted::Set),
            (Some(_), Some(_)) | (None, None) => {
                fields.refuse("", ValidationError::new("contradiction", "send either add or set"));
                None
            }
        };
        fields.finish()?;
        wanted.ok_or_else(crate::fields::unread)
    }
}

impl Wanted {
    /// The balance that it makes of the one that is there.
    fn over(self, held: Option<&Credits>) -> Result<Credits, Problem> {
        let none = || {
            let detail = "This key has no balance and spends none. Give it one first: PATCH the key with credits.";
            Problem::new(ErrorCode::Conflict).detail(detail)
        };
        let held = held.ok_or_else(none)?;
        let remaining = match self {
            Self::Add(add) => (held.remaining + add).max(0),
            Self::Set(set) => set,
        };
        if remaining > CREDITS_MAX {
            let mut fields = Fields::default();
            let message = format!("a key has at most {CREDITS_MAX} credits, and has {} now", held.remaining);
            fields.refuse("/add", ValidationError::new("range", message));
            fields.finish()?;
        }
        Ok(Credits { remaining, refill: held.refill })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Set(_) => "set",
        }
    }

    const fn number(self) -> i64 {
        match self {
            Self::Add(number) | Self::Set(number) => number,
        }
    }
}
