/**
 * The JDBC interfaces, forwarded method by method to the driver's objects. Nothing is decided here: executions, failures
 * and closings are reported to a {@link io.forgeloom.internal.jdbc.StatementOwner}, which is the pool's connection in
 * {@code io.forgeloom.database}. Knows {@code java.sql} alone. Null is whatever the driver says it is, hence unmarked.
 */
@NullUnmarked
package io.forgeloom.internal.jdbc;

import org.jspecify.annotations.NullUnmarked;
