/**
 * What PgJDBC alone can do: the only package that imports {@code org.postgresql}.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.internal.pg.PgUrl} reads a URL in JDBC's or libpq's form. {@link io.forgeloom.internal.pg.PgConnector}
 * opens one session under one deadline. {@link io.forgeloom.internal.pg.PgSession} is that session, with what the driver
 * knows of it without a round trip.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>No {@code toString} and no message holds a password.
 *   <li>A connect ends by its deadline, whatever the peer does: refuse, hang in TCP, in TLS or in authentication.
 *   <li>A session that was opened too late, or for a caller who was interrupted, is closed before the failure is thrown.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Errors of the driver pass as {@link java.sql.SQLException}; a URL that cannot be read is a
 * {@link io.forgeloom.error.ConfigurationException}.
 *
 * <h2>Threads</h2>
 * <p>A connect runs on a virtual thread {@code forgeloom-connect-HOST:PORT} inside the caller's scope and ends with it.
 *
 * <h2>Example</h2>
 * <p>Internal: see {@code io.forgeloom.database}.
 */
@NullMarked
package io.forgeloom.internal.pg;

import org.jspecify.annotations.NullMarked;
