/**
 * Multiplexes LISTEN/NOTIFY for the whole process over one dedicated session that reconnects.
 *
 * <h2>What</h2>
 * <p>A {@link io.forgeloom.notify.NotifyBus} listens on its channels; each {@link io.forgeloom.notify.Subscription} gives
 * what a {@code switch} takes apart: {@link io.forgeloom.notify.Notification}, {@link io.forgeloom.notify.Lagged},
 * {@link io.forgeloom.notify.Gap}, {@link io.forgeloom.notify.Closed}.
 *
 * <p>States: stopped, connecting, listening, waiting to connect again. A connect that succeeded is a new generation, and a
 * gap is put into every stream after its LISTEN has committed and before anything that is read behind it. The server is
 * the authority on what is listened to: it is asked at each connect and after every two seconds of silence.
 *
 * <h2>Guarantees</h2>
 * <ul>
 *   <li>A subscriber gets every notification that commits after {@code subscribe} returned, once and in the order of
 *       commits, across all channels of its subscription; or a gap, or the exact number that it missed, in its place.
 *   <li>A slow subscriber costs others nothing: nobody waits for it, and it is told what it missed.
 *   <li>A link that is dead without a word is noticed within 3.5 s; no answer, or half a message, within 1.6 s.
 *   <li>A server that accepts and drops, before the login or soon after it, sees at most 12 connects a minute.
 *   <li>No code of a user runs on the bus's thread.
 *   <li>What the database would refuse, or cut short, is refused before: channels over 63 bytes, payloads over 7,999.
 * </ul>
 *
 * <h2>Failure</h2>
 * <p>Session ended, server restarted, network silent, message half sent: the session is given up, the first attempt is at once, and
 * later ones after 50 ms, 100 ms and then 500 ms doubling to 30 s, but for a server that does not listen yet, which is found when it does; the streams get a gap that says why and since when. Primary changed: the pool
 * leads to the new one, and refuses the old session at its next slice. Process paused: what came meanwhile is in the
 * socket, and nothing is lost as long as the server kept the session. Queue of the server full: the COMMIT of whoever notifies fails; the usage is in
 * {@link io.forgeloom.notify.BusStats}.
 *
 * <h2>Threads</h2>
 * <p>{@code forgeloom-notify-bus} owns the session and publishes; {@code forgeloom-notify-watch} cuts it when it hangs;
 * {@code forgeloom-notify-send} sends what {@code publishSoon} was given. Subscribers read on their own threads.
 *
 * <h2>Example</h2>
 * {@snippet class="io.forgeloom.examples.Listening" region="subscribe"}
 */
@NullMarked
package io.forgeloom.notify;

import org.jspecify.annotations.NullMarked;
