package org.densenet4j.download;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import java.nio.file.Path;
import java.util.Map;

/** Where the cache is. */
class CacheFolderTest {
    @Test
    void theCacheFollowsTheEnvironment() {
        Path home = Path.of("/home/someone");
        assertEquals(Path.of("/home/someone/.cache/densenet4j"), CacheFolder.path(Map.of(), home));
        assertEquals(
                Path.of("/x/densenet4j"),
                CacheFolder.path(Map.of("XDG_CACHE_HOME", "/x", "DENSENET4J_CACHE", ""), home));
        assertEquals(
                Path.of("/y"),
                CacheFolder.path(Map.of("XDG_CACHE_HOME", "/x", "DENSENET4J_CACHE", "/y"), home));
    }
}
