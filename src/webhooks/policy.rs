//! What to do when: pure functions, which the engine only carries out.

use crate::random::spread;
use crate::record::Instant;
use crate::store::webhooks::deliveries::Delivery;
use crate::store::webhooks::queue::Health;
use crate::store::webhooks::{WebhookDeliveryStatus, WebhookDisabledReason};

use super::http::Answer;

/// Seconds from each failed attempt to the next, unless somebody says otherwise: twelve attempts in a little more than five days.
pub const RETRIES: [u32; 11] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400, 86_400];

/// The longest that an endpoint can ask to be left alone for, in seconds.
const LONGEST_RETRY_AFTER: i64 = 24 * 3_600;
/// After so many failures in a row an endpoint is sent one event at a time, with rests in between.
const DOUBTFUL: i64 = 3;
/// The longest rest, in seconds.
const LONGEST_REST: i64 = 60;

/// How many are sent to an endpoint at the same time: after some failures in a row only one, until something is accepted.
pub fn concurrency(failures: i64, most: i64) -> usize {
    if failures >= DOUBTFUL { 1 } else { usize::try_from(most).unwrap_or(1).max(1) }
}

/// How long an endpoint is left alone after so many failures in a row, in seconds: 1, 2, 4 … 60.
fn rest(failures: i64) -> i64 {
    if failures < DOUBTFUL {
        0
    } else {
        1_i64.checked_shl(u32::try_from(failures - DOUBTFUL).unwrap_or(0).min(6)).unwrap_or(LONGEST_REST).min(LONGEST_REST)
    }
}

/// When a delivery is sent again that has been sent so often; `None`: never. Up to a tenth is added to the pause, so that what
/// failed together does not come back together.
fn again(retries: &[u32], delivery: i64, attempts: i64, now: Instant) -> Option<Instant> {
    let pause = i64::from(*retries.get(usize::try_from(attempts - 1).ok()?)?);
    Some(now.plus_millis(pause * 1_000 + spread(&[delivery, attempts], pause * 100 + 1)))
}

/// What an attempt means for its delivery and for the endpoint.
pub fn after_attempt(retries: &[u32], disable_after: i64, delivery: &mut Delivery, health: &mut Health, answer: &Answer, now: Instant) {
    delivery.attempts += 1;
    delivery.last_attempt_at = Some(now);
    delivery.last_status = answer.status.map(i64::from);
    delivery.last_latency_ms = Some(answer.latency_ms);
    delivery.last_error.clone_from(&answer.error);
    let asked = answer.retry_after.map(|seconds| now.plus_seconds(seconds.clamp(1, LONGEST_RETRY_AFTER)));
    let next = if answer.is_success() || answer.is_gone() { None } else { again(retries, delivery.id, delivery.attempts, now) };
    delivery.next_attempt_at = next.map(|next| next.max(asked.unwrap_or(next)));
    delivery.status = match (answer.is_success(), next) {
        (true, _) => WebhookDeliveryStatus::Delivered,
        (false, Some(_)) => WebhookDeliveryStatus::Pending,
        (false, None) => WebhookDeliveryStatus::Dead,
    };
    delivery.finished_at = next.is_none().then_some(now);
    if answer.is_success() {
        *health = Health { last_success_at: Some(now), failing_since: None, failures: 0, not_before: None, disable: health.disable };
        return;
    }
    let since = *health.failing_since.get_or_insert(now);
    health.failures += 1;
    let rested = now.plus_seconds(rest(health.failures));
    health.not_before = health.not_before.max(Some(rested.max(asked.unwrap_or(rested)))).filter(|until| *until > now);
    if answer.is_gone() {
        health.disable = Some(WebhookDisabledReason::Gone);
    } else if now.millis_since(since) >= disable_after.saturating_mul(1_000) {
        health.disable = health.disable.or(Some(WebhookDisabledReason::Failing));
    }
}

/// What becomes of a delivery that can no longer be made, because the change log has forgotten what it was about.
pub fn give_up(delivery: &mut Delivery, reason: &str, now: Instant) {
    delivery.status = WebhookDeliveryStatus::Dead;
    delivery.next_attempt_at = None;
    delivery.last_error = Some(reason.to_owned());
    delivery.finished_at = Some(now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::webhooks::WebhookEventType;

    const NOW: Instant = Instant::from_micros(1_800_000_000_000_000);
    const DAY: i64 = 86_400;

    fn delivery(id: i64) -> Delivery {
        Delivery {
            id,
            endpoint_id: 1,
            event_type: WebhookEventType::RecordCreated,
            event_at: NOW,
            position: Some(1),
            connection_id: Some(1),
            data_type: None,
            source_id: None,
            created_at: NOW,
            status: WebhookDeliveryStatus::Pending,
            attempts: 0,
            next_attempt_at: Some(NOW),
            last_attempt_at: None,
            last_status: None,
            last_error: None,
            last_latency_ms: None,
            finished_at: None,
        }
    }

    fn well() -> Health {
        Health { last_success_at: None, failing_since: None, failures: 0, not_before: None, disable: None }
    }

    fn answer(status: u16) -> Answer {
        Answer { status: Some(status), error: (status >= 300).then(String::new), retry_after: None, latency_ms: 7 }
    }

    #[test]
    fn a_delivery_is_tried_twelve_times_in_five_days() {
        let (mut delivery, mut health, mut now) = (delivery(3), well(), NOW);
        while let Some(next) = delivery.next_attempt_at {
            now = next;
            after_attempt(&RETRIES, i64::MAX / 1_000, &mut delivery, &mut health, &answer(500), now);
        }
        assert_eq!((delivery.status, delivery.attempts, delivery.finished_at), (WebhookDeliveryStatus::Dead, 12, Some(now)));
        let days = now.millis_since(NOW) as f64 / (1_000 * DAY) as f64;
        assert!((5.1..5.7).contains(&days), "{days}");
    }

    #[test]
    fn pauses_differ_and_are_never_shorter_than_they_should_be() {
        let pauses: std::collections::BTreeSet<i64> =
            (0..100).filter_map(|id| again(&RETRIES, id, 2, NOW)).map(|next| next.millis_since(NOW)).collect();
        assert!(pauses.len() > 90, "{}", pauses.len());
        assert!(pauses.iter().all(|pause| (300_000..=330_000).contains(pause)));
    }

    #[test]
    fn an_endpoint_may_say_when_and_that_holds_for_all_that_waits() {
        let (mut delivery, mut health) = (delivery(1), well());
        let busy = Answer { retry_after: Some(600), ..answer(429) };
        after_attempt(&RETRIES, DAY, &mut delivery, &mut health, &busy, NOW);
        assert_eq!((delivery.next_attempt_at, health.not_before), (Some(NOW.plus_seconds(600)), Some(NOW.plus_seconds(600))));
        let forever = Answer { retry_after: Some(i64::MAX), ..answer(503) };
        after_attempt(&RETRIES, DAY, &mut delivery, &mut health, &forever, NOW);
        assert_eq!(delivery.next_attempt_at, Some(NOW.plus_seconds(DAY)));
    }

    #[test]
    fn an_endpoint_that_fails_is_probed_until_it_accepts_something() {
        let mut health = well();
        for (failures, rests) in [(1, 0), (2, 0), (3, 1), (4, 2), (5, 4)] {
            after_attempt(&RETRIES, DAY, &mut delivery(1), &mut health, &answer(500), NOW);
            assert_eq!((health.failures, health.not_before), (failures, (rests > 0).then(|| NOW.plus_seconds(rests))));
        }
        assert_eq!((concurrency(2, 8), concurrency(3, 8)), (8, 1));
        assert_eq!((rest(9), rest(1_000)), (60, 60));
        after_attempt(&RETRIES, DAY, &mut delivery(1), &mut health, &answer(204), NOW);
        assert_eq!((health.failures, health.failing_since, health.not_before, health.last_success_at), (0, None, None, Some(NOW)));
    }

    #[test]
    fn an_endpoint_is_switched_off_when_it_is_gone_or_has_failed_for_days() {
        let (mut gone, mut health) = (delivery(1), well());
        after_attempt(&RETRIES, DAY, &mut gone, &mut health, &answer(410), NOW);
        assert_eq!((gone.status, health.disable), (WebhookDeliveryStatus::Dead, Some(WebhookDisabledReason::Gone)));
        let mut health = well();
        for (days, disabled) in [(0, None), (4, None), (5, Some(WebhookDisabledReason::Failing))] {
            after_attempt(&RETRIES, 5 * DAY, &mut delivery(1), &mut health, &answer(500), NOW.plus_seconds(days * DAY));
            assert_eq!(health.disable, disabled, "after {days} days");
        }
    }
}
