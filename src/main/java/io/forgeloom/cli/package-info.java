/** The operator's commands. */
@NullMarked
package io.forgeloom.cli;

import org.jspecify.annotations.NullMarked;
