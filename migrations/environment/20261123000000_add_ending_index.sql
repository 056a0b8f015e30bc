-- expand: an index of the keys that are, were or will be anything but active, for lists by status and by end.
create index keys_organization_ending_index on keys (organization_id, created_at desc, id desc)
    where deleted_at is null and (revoked_at is not null or expires_at is not null or not_before is not null);
