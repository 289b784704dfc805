package org.densenet4j.download;

import java.nio.file.Path;
import java.util.Map;

/**
 * The folder for what is fetched or made once: {@code DENSENET4J_CACHE}, else {@code
 * XDG_CACHE_HOME/densenet4j}, else {@code ~/.cache/densenet4j} ({@code %LOCALAPPDATA%\densenet4j}
 * on Windows).
 */
public final class CacheFolder {
    private CacheFolder() {}

    /** The cache folder of this user; it may not exist yet. */
    public static Path path() {
        return path(System.getenv(), Path.of(System.getProperty("user.home")));
    }

    static Path path(Map<String, String> environment, Path home) {
        String own = environment.getOrDefault("DENSENET4J_CACHE", "");
        if (!own.isBlank()) {
            return Path.of(own).toAbsolutePath();
        }
        for (String variable : new String[] {"XDG_CACHE_HOME", "LOCALAPPDATA"}) {
            String base = environment.getOrDefault(variable, "");
            if (!base.isBlank()) {
                return Path.of(base, "densenet4j").toAbsolutePath();
            }
        }
        return home.resolve(".cache").resolve("densenet4j").toAbsolutePath();
    }
}
