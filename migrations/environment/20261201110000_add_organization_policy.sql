-- expand: what an organization demands of its keys. An empty object demands nothing, like before.

alter table organizations add column policy jsonb not null default '{}';
