"""The life of a customer and its keys, with the client that openapi-python-client generates.

usage: life.py DEV_JSON: the .claviger/dev.json of a running installation
"""

import datetime
import json
import secrets
import sys

from claviger_integration_api_client import AuthenticatedClient, models
from claviger_integration_api_client.api.api_keys import (
    create_key,
    find_key,
    list_keys,
    list_secrets,
    regenerate_key,
    revoke_key,
    update_key,
)
from claviger_integration_api_client.api.caller import whoami
from claviger_integration_api_client.api.customers import create_customer
from claviger_integration_api_client.api.domains import create_domain
from claviger_key_service_client import AuthenticatedClient as KeysClient
from claviger_key_service_client import models as questions
from claviger_key_service_client.api.verification import verify_key

with open(sys.argv[1], encoding="utf-8") as file:
    dev = json.load(file)["environments"]["development"]
ORGANIZATION = "acme"
RUN = secrets.token_hex(4)
api = AuthenticatedClient(base_url=dev["api_url"], token=dev["organization_key"], raise_on_unexpected_status=True)
keys = KeysClient(base_url=dev["keys_url"], token=dev["keys_token"], raise_on_unexpected_status=True)


def done(response, kind, status=200):
    """The body of an answer, which has to be of this status and type."""
    assert response.status_code == status, (response.status_code, response.content)
    assert isinstance(response.parsed, kind), type(response.parsed)
    return response.parsed


def verdict(**question):
    return done(verify_key.sync_detailed(client=keys, body=questions.VerifyRequest(**question)), questions.VerifyAnswer)


def new_key(**members):
    return done(create_key.sync_detailed(ORGANIZATION, client=api, body=models.NewKey(**members)), models.KeyWithSecret, 201)


# A customer, with notes and a limit of its own.
notes = models.Metadata()
notes["plan"] = "pro"
customer = done(
    create_customer.sync_detailed(
        ORGANIZATION,
        client=api,
        idempotency_key=f"customer-{RUN}",
        body=models.NewCustomer(
            name=f"Customer {RUN}",
            external_id=f"py-{RUN}",
            metadata=notes,
            limits=[models.Limit(name="shared", limit=1000, window_ms=60_000)],
        ),
    ),
    models.Customer,
    201,
)
assert customer.metadata["plan"] == "pro" and customer.status == models.Standing.ACTIVE

# A key with every option.
host = f"py-{RUN}.example.com"
done(create_domain.sync_detailed(ORGANIZATION, client=api, body=models.NewDomain(name=host)), models.Domain, 201)
now = datetime.datetime.now(datetime.timezone.utc)
expires_at = now + datetime.timedelta(days=30)
made = new_key(
    name=f"Everything {RUN}",
    permissions=["documents.read"],
    create_permissions=False,
    domains=[host],
    customers=[customer.id],
    ips=["203.0.113.0/24"],
    not_before=now - datetime.timedelta(minutes=1),
    expires_at=expires_at,
    limits=[models.Limit(name="requests", limit=2, window_ms=60_000)],
    credits_=models.Credits(remaining=5, refill=models.Refill(amount=5, interval=models.RefillInterval.MONTHLY, day=31)),
    prefix="acme",
    metadata=notes,
    tags=[f"py-{RUN}"],
    secret=secrets.token_hex(20),
    enabled=True,
)
key = made.key
assert made.secret.startswith("acme_dev_") and key.customers == [customer.id] and key.domains == [host]
assert key.expires_at == expires_at and key.credits_.refill.interval == models.RefillInterval.MONTHLY
assert key.revoke_reason is None and key.environment == models.Environment.DEVELOPMENT

# Verified until its limit is spent, and never without what it is restricted to.
question = {"key": made.secret, "domain": host, "customer": customer.id, "client_ip": "203.0.113.9"}
assert verdict(key=made.secret).verdict == questions.Verdict.FORBIDDEN
for left in (1, 0):
    answer = verdict(permissions=["documents.read"], **question)
    assert answer.verdict == questions.Verdict.VALID, answer
    assert [limit.remaining for limit in answer.limits if limit.name == "requests"] == [left]
refused = verdict(**question)
assert refused.verdict == questions.Verdict.RATE_LIMITED and refused.retry_after_ms > 0

# A caller that has spent its own limit gets a 429 that says when to try again.
caller = new_key(name=f"Caller {RUN}", limits=[models.Limit(name="requests", limit=1, window_ms=60_000)])
limited = AuthenticatedClient(base_url=dev["api_url"], token=caller.secret)
first = whoami.sync_detailed(client=limited)
assert done(first, models.Whoami).kind == models.KeyKind.ORGANIZATION and "r=0" in first.headers["RateLimit"]
second = whoami.sync_detailed(client=limited)
assert done(second, models.Problem, 429).code == models.ErrorCode.RATE_LIMITED
assert int(second.headers["Retry-After"]) > 0

# A rotation with an overlap: both secrets work.
rotated = new_key(name=f"Rotated {RUN}", tags=[f"py-{RUN}"])
body = models.Regeneration(overlap_seconds=600)
fresh = done(regenerate_key.sync_detailed(ORGANIZATION, rotated.key.id, client=api, body=body), models.KeyWithSecret)
assert fresh.secret != rotated.secret
for secret in (rotated.secret, fresh.secret):
    assert verdict(key=secret).verdict == questions.Verdict.VALID
held = done(list_secrets.sync_detailed(ORGANIZATION, rotated.key.id, client=api), models.SecretList)
assert [secret.is_active for secret in held.items] == [True, True]

# A change of the version that was seen, and none of another.
seen = find_key.sync_detailed(ORGANIZATION, key.id, client=api)
etag = seen.headers["ETag"]
change = models.KeyPatch(name=f"Renamed {RUN}", expires_at=models.NeverWord.NEVER, ips=models.AllWord.ALL)
changed = done(update_key.sync_detailed(ORGANIZATION, key.id, client=api, body=change, if_match=etag), models.Key)
assert changed.expires_at is None and changed.ips == models.AllWord.ALL and changed.domains == [host]
stale = update_key.sync_detailed(ORGANIZATION, key.id, client=api, body=change, if_match=etag)
assert done(stale, models.Problem, 412).code == models.ErrorCode.STALE

# Page by page.
more = new_key(name=f"More {RUN}", tags=[f"py-{RUN}"])
found, cursor = [], models.KeyPage.from_dict({"items": [], "next_cursor": None}).next_cursor
while True:
    page_of = {"tag": f"py-{RUN}", "limit": 2, "sort": models.ListKeysSort.NAME}
    page = done(
        list_keys.sync_detailed(ORGANIZATION, client=api, **page_of, **({"cursor": cursor} if cursor else {})),
        models.KeyPage,
    )
    found += [item.id for item in page.items]
    cursor = page.next_cursor
    if cursor is None:
        break
assert found == [more.key.id, key.id, rotated.key.id], found

# Revoked: refused from the next question on.
body = models.Revocation(reason=models.RevokeReason.SUPERSEDED, note="The life is over.")
revoked = done(revoke_key.sync_detailed(ORGANIZATION, rotated.key.id, client=api, body=body), models.Key)
assert revoked.status == models.KeyStatus.INACTIVE and revoked.receipt.effective_within_ms == 0
assert revoked.revoke_reason == models.RevokedBecause.SUPERSEDED
assert verdict(key=fresh.secret).verdict == questions.Verdict.REVOKED
print("Python: a life with the generated clients: passed")
