/**
 * Opens the runtime and closes it: {@link io.forgeloom.Forge}, configured by {@link io.forgeloom.ForgeConfig}.
 *
 * <p>Starting takes steps, in the order of the packages' ladder, and closing takes them back: database, migrations, bus, node,
 * change log, election, ready. A step that fails, or an interrupt during one, closes what the steps before have opened, and
 * {@link io.forgeloom.ForgeStartException} says which one it was.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>When {@link io.forgeloom.Forge#start} throws, no thread, session or lock of it is left.
 *   <li>{@link io.forgeloom.Forge#close()} gives every role up before it ends a session, and waits for every thread.
 * </ul>
 *
 * <h2>Use the parts alone</h2>
 * <p>Nothing here does what a program could not do with the parts: each has its own factory.
 */
@NullMarked
package io.forgeloom;

import org.jspecify.annotations.NullMarked;
