/** Task scope, lifecycle, deadline and backoff. */
@NullMarked
package io.forgeloom.internal.concurrent;

import org.jspecify.annotations.NullMarked;
