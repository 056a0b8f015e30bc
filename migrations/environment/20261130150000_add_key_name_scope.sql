-- expand: names of keys that a limited caller takes clash with what it can see alone.

-- '' for callers that see all keys, else the caller. An index that spans all keys would tell a caller that is limited to a customer
-- or a domain which names stand beyond its limits; what it does see is looked up before.
alter table keys add column name_scope text not null default '';
create unique index keys_organization_name_scope_unique on keys (organization_id, name_folded, name_scope)
    where deleted_at is null;
drop index keys_organization_name_unique;
alter index keys_organization_name_scope_unique rename to keys_organization_name_unique;
