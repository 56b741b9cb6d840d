package io.forgeloom.internal.pg;

import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import javax.net.SocketFactory;
import org.jspecify.annotations.Nullable;

/**
 * Makes the sockets of one session: plain ones that tell a {@link Wire} when the driver enters and leaves a read or a
 * write. TLS, where it is used, runs on top of them. Public because the driver instantiates it by name, from another
 * module; nobody else does. Safe for use by many threads.
 */
public final class WireSocketFactory extends SocketFactory {

    private final Wire wire;

    /**
     * Called by the driver.
     *
     * @param key the wire that {@link Wire#opening} keeps under this name
     */
    public WireSocketFactory(String key) {
        this.wire = Wire.opening(key);
    }

    /** Not connected: the form that the driver uses. */
    @Override
    public Socket createSocket() {
        WireSocket socket = new WireSocket(wire);
        wire.created(socket);
        return socket;
    }

    @Override
    public Socket createSocket(String host, int port) throws IOException {
        throw unused();
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress localHost, int localPort) throws IOException {
        throw unused();
    }

    @Override
    public Socket createSocket(InetAddress host, int port) throws IOException {
        throw unused();
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress localHost, int localPort) throws IOException {
        throw unused();
    }

    private static SocketException unused() {
        return new SocketException("the driver connects its sockets itself");
    }

    /** One TCP connection whose reads and writes the wire is told of. */
    static final class WireSocket extends Socket {

        private final Wire wire;

        // The driver asks once for each; a second answer would be as good as the first.
        private @Nullable InputStream in;
        private @Nullable OutputStream out;

        /** Whether the driver asks, by a read of a millisecond, if another notification is there; its own thread only. */
        private boolean peeking;

        WireSocket(Wire wire) {
            this.wire = wire;
        }

        @Override
        public void setSoTimeout(int millis) throws SocketException {
            peeking = millis == 1;
            super.setSoTimeout(millis);
        }

        @Override
        public InputStream getInputStream() throws IOException {
            InputStream result = in;
            if (result == null) {
                result = new Reads(super.getInputStream(), this, wire);
                in = result;
            }
            return result;
        }

        @Override
        public OutputStream getOutputStream() throws IOException {
            OutputStream result = out;
            if (result == null) {
                result = new Writes(super.getOutputStream(), this, wire);
                out = result;
            }
            return result;
        }
    }

    private static final class Reads extends FilterInputStream {

        private final WireSocket socket;
        private final Wire wire;

        Reads(InputStream in, WireSocket socket, Wire wire) {
            super(in);
            this.socket = socket;
            this.wire = wire;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (socket.peeking && wire.isListening() && in.available() == 0) {
                throw new NothingMore();
            }
            wire.entered(socket);
            int count = 0;
            try {
                count = in.read(bytes, offset, length);
            } finally {
                wire.left(socket);
            }
            wire.received(socket, count);
            return count;
        }
    }

    /**
     * After each notification the driver waits a millisecond for another, and returns none of them before one such wait is
     * in vain: that would be a millisecond on top of each delivery, and where somebody notifies a thousand times a second
     * the wait for notifications would never end. Without a stack trace, since it is thrown as often.
     */
    private static final class NothingMore extends SocketTimeoutException {

        private static final long serialVersionUID = 1L;

        NothingMore() {
            super("no further notification is there yet");
        }

        @Override
        public Throwable fillInStackTrace() {
            return this;
        }
    }

    private static final class Writes extends FilterOutputStream {

        private final WireSocket socket;
        private final Wire wire;

        Writes(OutputStream out, WireSocket socket, Wire wire) {
            super(out);
            this.socket = socket;
            this.wire = wire;
        }

        @Override
        public void write(int one) throws IOException {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            wire.sending(socket, length);
            wire.entered(socket);
            try {
                out.write(bytes, offset, length);
            } finally {
                wire.left(socket);
            }
        }
    }
}
