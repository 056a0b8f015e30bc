-- expand: credits are refilled weekly and every so many hours, too.

alter table credits add column refill_hours smallint;
-- Wider than before: every old row meets it.
alter table credits
    drop constraint credits_refill_check,
    add constraint credits_refill_check check (
        num_nulls(refill_amount, refill_interval, refill_day, refill_at) in (0, 4)
        and refill_interval in ('hourly', 'daily', 'weekly', 'monthly')
        and refill_day between 1 and 31
        and refill_amount >= 0
    ),
    add constraint credits_refill_hours_check check (
        (refill_hours is not null) = (refill_interval is not distinct from 'hourly')
        and refill_hours between 1 and 744
    );
