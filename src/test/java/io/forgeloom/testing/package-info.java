/**
 * The test kit: real PostgreSQL servers, faulty networks and processes that a test can kill. No part of the library.
 *
 * <p><b>What.</b> {@link io.forgeloom.testing.PostgresCluster} starts a primary and streaming replicas from the
 * embedded binaries; {@link io.forgeloom.testing.FaultyLink} stands in front of a server and breaks;
 * {@link io.forgeloom.testing.PgBouncerServer} and {@link io.forgeloom.testing.ContainerServer} are the other ways to
 * reach one; {@link io.forgeloom.testing.WithDatabase} gives each test a database of its own.
 *
 * <p><b>Guarantees.</b> No process that the kit started outlives the JVM that asked for it, however that JVM ends
 * ({@code SIGKILL} included), and its files go with it: see {@code ProcessGuard}.
 *
 * <p><b>Failure.</b> A start that fails says why with the tail of the server's log. Every wait has a deadline.
 *
 * <p><b>Threads.</b> {@code faulty-link-…} for the pumps of a link, {@code test-process-…} for the readers of a
 * process's output; each is joined by the {@code close()} of what started it.
 */
@NullMarked
package io.forgeloom.testing;

import org.jspecify.annotations.NullMarked;
