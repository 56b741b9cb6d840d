/** Notifications of PostgreSQL for the whole process, each of them delivered or counted as missed. */
@NullMarked
package io.forgeloom.notify;

import org.jspecify.annotations.NullMarked;
