package io.forgeloom.bench;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agroal.api.AgroalDataSource;
import io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier;
import io.forgeloom.database.Database;
import io.forgeloom.database.DatabaseConfig;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A pool under measurement: a fixed number of sessions, all of them open before the first measurement. Each pool is as its
 * own documents advise for that: fixed size, no leak detection, JDBC state reset on release as it does by default. All have
 * the same acquire timeout. Safe for use by many threads.
 */
interface BenchPool extends AutoCloseable {

    /** The product, its peers, and the floor: a bare fair semaphore with a deque, which cleans and checks nothing. */
    List<String> NAMES = List.of("forgeloom", "hikari", "agroal", "floor");

    Connection acquire() throws SQLException;

    @Override
    void close() throws SQLException;

    /** Opens one of {@link #NAMES} with {@code size} sessions. */
    static BenchPool open(String name, String url, int size, Duration acquireTimeout) throws SQLException {
        BenchPool pool = switch (name) {
            case "forgeloom" -> forgeloom(url, size, acquireTimeout);
            case "hikari" -> hikari(url, size, acquireTimeout);
            case "agroal" -> agroal(url, size, acquireTimeout);
            case "floor" -> new FloorPool(url, size);
            default -> throw new IllegalArgumentException(name + " is none of " + NAMES);
        };
        List<Connection> all = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            all.add(pool.acquire());
        }
        for (Connection connection : all) {
            connection.close();
        }
        return pool;
    }

    private static BenchPool forgeloom(String url, int size, Duration acquireTimeout) {
        Database db = Database.open(DatabaseConfig.builder(url)
                .poolSize(size)
                .minPoolSize(size)
                .poolTimeout(acquireTimeout)
                .build());
        return of(db.primary()::getConnection, db::close);
    }

    private static BenchPool hikari(String url, int size, Duration acquireTimeout) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(size);
        config.setConnectionTimeout(acquireTimeout.toMillis());
        HikariDataSource source = new HikariDataSource(config);
        return of(source::getConnection, source::close);
    }

    private static BenchPool agroal(String url, int size, Duration acquireTimeout) throws SQLException {
        // No initial size: a caller that waits while Agroal opens its initial sessions may sleep up to its timeout. The
        // first acquires open all of them, and nothing closes an idle one.
        AgroalDataSource source = AgroalDataSource.from(new AgroalDataSourceConfigurationSupplier()
                .connectionPoolConfiguration(pool -> pool.maxSize(size)
                        .acquisitionTimeout(acquireTimeout)
                        .connectionFactoryConfiguration(factory -> factory.jdbcUrl(url))));
        return of(source::getConnection, source::close);
    }

    private static BenchPool of(Acquire acquire, Close close) {
        return new BenchPool() {
            @Override
            public Connection acquire() throws SQLException {
                return acquire.acquire();
            }

            @Override
            public void close() throws SQLException {
                close.close();
            }
        };
    }

    /** A pool's way to hand out a connection. */
    interface Acquire {
        Connection acquire() throws SQLException;
    }

    /** A pool's way to end. */
    interface Close {
        void close() throws SQLException;
    }
}
