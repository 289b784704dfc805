package org.densenet4j.backend.cuda;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A folder where CUDA libraries may lie.
 *
 * @param origin why it is searched, for people: an environment variable, "system", "cache"
 * @param folder an existing folder
 */
record LibraryPlace(String origin, Path folder) {

    /** The origin of folders that the system's loader searches before a library's own folder. */
    static final String LOADER_PATH = "LD_LIBRARY_PATH";

    /** Folders of a Linux system that its loader need not know: containers, WSL, NixOS. */
    private static final List<String> SYSTEM_FOLDERS =
            List.of(
                    "lib/x86_64-linux-gnu",
                    "usr/lib/x86_64-linux-gnu",
                    "lib64",
                    "usr/lib64",
                    "lib",
                    "usr/lib",
                    "usr/local/lib",
                    "usr/lib64/nvidia",
                    "usr/lib/nvidia",
                    "usr/local/nvidia/lib64",
                    "usr/local/nvidia/lib",
                    "usr/lib/wsl/lib",
                    "run/opengl-driver/lib");

    /**
     * All places that exist, the most explicit first: {@code DENSENET4J_CUDA_LIBS}, the loader's
     * path, the active environment of Python or conda, the system, {@code CUDA_HOME} and {@code
     * CUDA_PATH}, {@code /usr/local/cuda*}, what pip put beside the first Python in {@code PATH}
     * and into the home folder, our cache.
     *
     * @param environment environment variables
     * @param root the root of the file system; another one in tests
     * @param cache our cache folder of CUDA libraries, with one folder for each fetched version
     */
    static List<LibraryPlace> all(
            Map<String, String> environment, Path root, Path cache, boolean windows) {
        Map<Path, LibraryPlace> places = new LinkedHashMap<>();
        PythonPackages python = new PythonPackages(windows);
        for (Path given : path(environment.get("DENSENET4J_CUDA_LIBS"), windows)) {
            add(places, "DENSENET4J_CUDA_LIBS", given);
            python.libraries(given).forEach(f -> add(places, "DENSENET4J_CUDA_LIBS", f));
        }
        String loaderPath = windows ? "PATH" : LOADER_PATH;
        for (Path folder : path(environment.get(loaderPath), windows)) {
            add(places, loaderPath, folder);
        }
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            for (Path prefix : path(environment.get(variable), windows)) {
                python.ofPrefix(prefix).forEach(f -> add(places, variable, f));
                add(places, variable, prefix.resolve(windows ? "Library/bin" : "lib"));
            }
        }
        if (windows) {
            String system = environment.getOrDefault("SystemRoot", "C:\\Windows");
            path(system, true).forEach(f -> add(places, "system", f.resolve("System32")));
        } else {
            loaderConfiguration(root).forEach(folder -> add(places, "system", folder));
            SYSTEM_FOLDERS.forEach(folder -> add(places, "system", root.resolve(folder)));
        }
        for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
            for (Path home : path(environment.get(variable), windows)) {
                addInstallation(places, variable, home, windows);
            }
        }
        if (windows) {
            for (Path programs : path(environment.get("ProgramFiles"), true)) {
                for (Path v : children(programs.resolve("NVIDIA").resolve("CUDNN"), "v9*")) {
                    addInstallation(places, "installed", v, true);
                    children(v.resolve("bin"), "*").forEach(f -> add(places, "installed", f));
                }
            }
        } else {
            Path local = root.resolve("usr/local");
            addInstallation(places, "/usr/local/cuda", local.resolve("cuda"), false);
            for (Path home : children(local, "cuda*")) {
                addInstallation(places, "/usr/local/" + home.getFileName(), home, false);
            }
        }
        List<Path> prefixes =
                new ArrayList<>(python.prefix(path(environment.get("PATH"), windows)));
        path(environment.get("HOME"), windows).forEach(h -> prefixes.add(h.resolve(".local")));
        for (Path prefix : prefixes) {
            python.ofPrefix(prefix).forEach(f -> add(places, "pip", f));
        }
        children(cache, "*").forEach(version -> add(places, "cache", version));
        return List.copyOf(places.values());
    }

    private static void addInstallation(
            Map<Path, LibraryPlace> places, String origin, Path home, boolean windows) {
        List<String> folders =
                windows
                        ? List.of("bin", "bin/x64")
                        : List.of("lib64", "lib", "targets/x86_64-linux/lib");
        folders.forEach(folder -> add(places, origin, home.resolve(folder)));
    }

    private static void add(Map<Path, LibraryPlace> places, String origin, Path folder) {
        Path absolute = folder.toAbsolutePath().normalize();
        if (Files.isDirectory(absolute)) {
            places.putIfAbsent(absolute, new LibraryPlace(origin, absolute));
        }
    }

    /** The entries of a path variable; those that are no paths are left out. */
    private static List<Path> path(String value, boolean windows) {
        List<Path> folders = new ArrayList<>();
        for (String entry : (value == null ? "" : value).split(windows ? ";" : ":", -1)) {
            if (!entry.isBlank()) {
                try {
                    folders.add(Path.of(entry));
                } catch (InvalidPathException ignored) {
                    // A search path may hold anything; what is no folder has no libraries.
                }
            }
        }
        return folders;
    }

    /** Sub-folders in falling order of their names, so that the newest version comes first. */
    static List<Path> children(Path folder, String glob) {
        List<Path> found = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, glob)) {
                stream.forEach(found::add);
            } catch (IOException ignored) {
                // An unreadable folder has no libraries for us.
            }
        }
        found.sort((a, b) -> b.getFileName().compareTo(a.getFileName()));
        return found;
    }

    /** The folders named in {@code /etc/ld.so.conf.d/*.conf}. */
    private static List<Path> loaderConfiguration(Path root) {
        List<Path> folders = new ArrayList<>();
        Path configurations = root.resolve("etc/ld.so.conf.d");
        if (!Files.isDirectory(configurations)) {
            return folders;
        }
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(configurations, "*.conf")) {
            for (Path file : stream) {
                for (String line : Files.readAllLines(file)) {
                    String entry = line.strip();
                    if (entry.startsWith("/")) {
                        folders.add(root.resolve(entry.substring(1)));
                    }
                }
            }
        } catch (IOException ignored) {
            // Then the fixed list has to do.
        }
        return folders;
    }
}
