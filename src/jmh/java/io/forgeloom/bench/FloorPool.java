package io.forgeloom.bench;

import io.forgeloom.internal.jdbc.ForwardingConnection;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Deque;
import java.util.Properties;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Semaphore;

/** The least that is fair and bounded: what a pool costs beyond this is the price of what it does beyond this. */
final class FloorPool implements BenchPool {

    private final Semaphore permits;
    private final Deque<Connection> idle = new ConcurrentLinkedDeque<>();

    FloorPool(String url, int size) throws SQLException {
        for (int i = 0; i < size; i++) {
            idle.add(DriverManager.getConnection(url));
        }
        permits = new Semaphore(size, true);
    }

    @Override
    public Connection acquire() {
        permits.acquireUninterruptibly();
        return new Lease(this, idle.removeFirst());
    }

    private void release(Connection connection) {
        idle.addFirst(connection);
        permits.release();
    }

    @Override
    public void close() throws SQLException {
        for (Connection connection : idle) {
            connection.close();
        }
    }

    private static final class Lease extends ForwardingConnection {

        private final FloorPool pool;
        private final Connection connection;

        Lease(FloorPool pool, Connection connection) {
            this.pool = pool;
            this.connection = connection;
        }

        @Override
        protected Connection delegate() {
            return connection;
        }

        @Override
        public void close() {
            pool.release(connection);
        }

        @Override
        public void setClientInfo(String name, String value) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void setClientInfo(Properties properties) {
            throw new UnsupportedOperationException();
        }
    }
}
