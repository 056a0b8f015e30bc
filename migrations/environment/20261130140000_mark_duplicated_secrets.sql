-- expand: a secret that two organizations hold is marked in both, and an import by digest can be compared with every secret.

alter table secrets
    -- Another organization held the same secret: it proves nothing any more, whatever becomes of the other one.
    add column is_duplicated boolean not null default false,
    -- What the hash would be had the digest been imported and not the text; null where the digest was, and in rows from
    -- before there was this column.
    add column digest_hash bytea,
    add constraint secrets_digest_hash_check check (octet_length(digest_hash) = 32);

-- A mark that is made or lifted by hand is told like any other change of a secret.
drop trigger secrets_tell_trigger on secrets;
create constraint trigger secrets_tell_trigger
    after update of key_id, lookup_id, hash, hash_scheme, pepper_id, retires_at, is_compromised, is_duplicated on secrets
    deferrable initially deferred for each row
    execute function claviger_tell_part();
