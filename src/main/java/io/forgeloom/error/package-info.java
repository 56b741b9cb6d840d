/**
 * The exception tree and the SQLSTATE facts that every other package asks about.
 *
 * <h2>What</h2>
 * <p>{@link io.forgeloom.error.ForgeException} is the root of everything that Forgeloom throws for a reason outside the
 * program's own code. There is one subclass for each decision that a caller makes: mend the configuration
 * ({@link io.forgeloom.error.ConfigurationException}), look at what the database said
 * ({@link io.forgeloom.error.DatabaseException}), give up in time
 * ({@link io.forgeloom.error.DeadlineExceededException}). Those that belong to one type stand beside it in its package.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>All are unchecked. What a caller may branch on is a field, never a piece of the message.
 *   <li>No message holds a password.
 *   <li>A message about a limit names the limit, what was found and the remedy.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Misuse of the API (a null argument, a nested transaction) is not in this tree: it is one of the JDK's own
 * {@link IllegalArgumentException}, {@link IllegalStateException} and {@link NullPointerException}.
 *
 * <h2>Threads</h2>
 * <p>No thread is started here. Exceptions are safe for use by many threads once thrown.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.HandlingErrors" region="decide"}
 */
@NullMarked
package io.forgeloom.error;

import org.jspecify.annotations.NullMarked;
