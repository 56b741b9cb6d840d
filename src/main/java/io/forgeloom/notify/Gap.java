package io.forgeloom.notify;

import java.time.Instant;

/**
 * Here notifications may be missing, nobody knows how many: the bus was not listening. Read the state anew. Every
 * subscription begins with one. Immutable, safe for use by many threads.
 *
 * @param generation how often the bus had connected when it listened again; 0 if it has not yet
 * @param cause what ended the listening before
 * @param since until when the bus had listened for sure, by this machine's clock
 */
public record Gap(long generation, String cause, Instant since) implements Delivery {}
