/**
 * The JDBC interfaces, forwarded method by method to a delegate. These classes decide nothing: they exist so that the
 * pool's wrappers in {@code io.forgeloom.database} hold only the methods that they change. Null is whatever the wrapped
 * driver says, hence unmarked.
 */
@NullUnmarked
package io.forgeloom.internal.jdbc;

import org.jspecify.annotations.NullUnmarked;
