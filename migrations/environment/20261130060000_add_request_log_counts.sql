-- expand: rows of the request log that stand for many requests.

-- What no organization answers for is counted beyond a budget: one row for each minute, key, status and code. No check: it would
-- be held against every row that is there.
alter table request_logs add column requests integer not null default 1;
