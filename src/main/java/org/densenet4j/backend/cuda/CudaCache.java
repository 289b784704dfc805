package org.densenet4j.backend.cuda;

import org.densenet4j.download.CacheFolder;

import java.nio.file.Path;

/** What this backend keeps in the cache folder. */
final class CudaCache {
    private CudaCache() {}

    /** The cache folder of this user; it may not exist yet. */
    static Path folder() {
        return CacheFolder.path();
    }

    /** NVIDIA's libraries, one folder for each version that {@code doctor --fetch-cuda} brought. */
    static Path libraries() {
        return CacheFolder.path().resolve("cuda");
    }

    /** How long halves of dense layers took, a file for each kind of device and its libraries. */
    static Path layerTimes() {
        return CacheFolder.path().resolve("layer-times");
    }
}
