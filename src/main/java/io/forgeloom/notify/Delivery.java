package io.forgeloom.notify;

/**
 * What a {@link Subscription} gives, one after the other; made for a {@code switch}.
 *
 * <p>Between two {@link Gap}s nothing was lost but what a {@link Lagged} counts.
 */
public sealed interface Delivery permits Notification, Lagged, Gap, Closed {}
