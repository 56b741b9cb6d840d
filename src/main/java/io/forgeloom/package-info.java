/**
 * Opens the runtime and closes it: {@link io.forgeloom.Forge}, configured by {@link io.forgeloom.ForgeConfig}.
 *
 * <p>Starting takes steps, in the order of the packages' ladder, and closing takes them back: database, migrations, bus, node,
 * change log, election, ready. A step that fails, or an interrupt during one, closes what the steps before have opened, and
 * {@link io.forgeloom.ForgeStartException} says which one it was.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>When {@link io.forgeloom.Forge#start} throws, no thread, session or lock of it is left; but what a silent network
 *       keeps from the server lasts there until the server's own timeouts.
 *   <li>{@link io.forgeloom.Forge#close()} gives every role up before it ends a session, and waits for every thread but that of
 *       a leader's body that ignores its interrupt.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>A pool that is too small to work is a {@link io.forgeloom.error.ConfigurationException} before anything is opened, and one
 * below the sizing rule of {@link io.forgeloom.ConnectionNeeds} a warning. Once started, no failure of a server ends the
 * runtime: its parts reconnect, and {@link io.forgeloom.Forge#health()} says what is missing meanwhile.
 *
 * <h2>Threads</h2>
 * <p>{@code forgeloom-start-STEP} while a step of the start works, {@code forgeloom-close} and {@code forgeloom-close-parts} during a
 * close; the rest belongs to the parts.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.StartingForge" region="start"}
 *
 * <h2>Use the parts alone</h2>
 * <p>Nothing here does what a program could not do with the parts: each has its own factory.
 */
@NullMarked
package io.forgeloom;

import org.jspecify.annotations.NullMarked;
