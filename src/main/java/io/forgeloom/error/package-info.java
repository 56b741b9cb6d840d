/** The exception tree and the SQLSTATE facts that every other package asks about. */
@NullMarked
package io.forgeloom.error;

import org.jspecify.annotations.NullMarked;
