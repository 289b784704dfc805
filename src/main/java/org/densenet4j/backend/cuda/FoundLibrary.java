package org.densenet4j.backend.cuda;

import java.nio.file.Path;
import java.util.List;

/**
 * A library and where it lies.
 *
 * @param library which
 * @param files which version of it
 * @param path its main file
 * @param origin why that folder was searched: an environment variable, "system", "cache"
 * @param parts files beside it that belong to it
 */
record FoundLibrary(
        CudaLibrary library, LibraryFiles files, Path path, String origin, List<Path> parts) {}
