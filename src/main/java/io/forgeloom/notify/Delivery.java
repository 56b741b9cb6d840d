package io.forgeloom.notify;

/**
 * One element of a subscription, in the order in which the server sent it: a notification, or where and how many of them are
 * missing, or the end. Made for {@code switch}, which must then name all four.
 *
 * <p>Safe for use by many threads (immutable).
 */
public sealed interface Delivery permits Notification, Lagged, Gap, Closed {}
