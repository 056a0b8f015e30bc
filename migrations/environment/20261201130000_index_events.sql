-- expand: the action log by what changed and by who changed it, newest first, for lists.
create index events_organization_subject_index on events (organization_id, subject, seq desc);
create index events_organization_actor_index on events (organization_id, actor, seq desc);
