-- expand: keys by who made them, newest first, for lists.
create index keys_organization_created_by_index on keys (organization_id, created_by, created_at desc, id desc)
    where deleted_at is null;
