package io.forgeloom.bench;

import io.forgeloom.internal.jdbc.ForwardingConnection;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Properties;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;

/** The least that is fair and bounded: what a pool costs beyond this is the price of what it does beyond this. */
final class FloorPool implements BenchPool {

    private final Semaphore permits;
    private final ReentrantLock lock = new ReentrantLock();
    private final ArrayDeque<Connection> idle = new ArrayDeque<>();

    FloorPool(String url, int size) throws SQLException {
        for (int i = 0; i < size; i++) {
            idle.add(DriverManager.getConnection(url));
        }
        permits = new Semaphore(size, true);
    }

    @Override
    public Connection acquire() {
        permits.acquireUninterruptibly();
        lock.lock();
        try {
            return new Lease(this, idle.removeFirst());
        } finally {
            lock.unlock();
        }
    }

    private void release(Connection connection) {
        lock.lock();
        try {
            idle.addFirst(connection);
        } finally {
            lock.unlock();
        }
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
