package org.densenet4j.standin;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a compiler makes of some sources, in a folder whose name is a hash of them, so that child
 * processes and later runs take what is there.
 */
final class BuiltOnce {
    /** Makes everything in a new folder. */
    @FunctionalInterface
    interface Build {
        void in(Path folder) throws IOException;
    }

    private BuiltOnce() {}

    /**
     * The folder with what was built, now or before.
     *
     * @param target where such folders lie
     * @param flags that the compiler gets
     * @param sources folders with everything that it reads
     */
    static synchronized Path in(
            Path target,
            HostCompiler compiler,
            List<String> flags,
            List<Path> sources,
            Build build) {
        try {
            Path finished = target.resolve(fingerprint(compiler, flags, sources)).toAbsolutePath();
            if (!Files.isDirectory(finished)) {
                Files.createDirectories(target);
                // Another process that builds the same is waited for.
                try (FileChannel file = FileChannel.open(target.resolve("lock"), CREATE, WRITE);
                        FileLock _ = file.lock()) {
                    if (!Files.isDirectory(finished)) {
                        Path unfinished =
                                Files.createTempDirectory(target.toAbsolutePath(), "unfinished");
                        build.in(unfinished);
                        Files.move(unfinished, finished, StandardCopyOption.ATOMIC_MOVE);
                    }
                }
            }
            return finished;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String fingerprint(HostCompiler compiler, List<String> flags, List<Path> sources)
            throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (String text : List.of(compiler.version(), flags.toString())) {
                digest.update(text.getBytes(StandardCharsets.UTF_8));
            }
            for (Path root : sources) {
                for (Path file : files(root)) {
                    digest.update(
                            root.relativize(file).toString().getBytes(StandardCharsets.UTF_8));
                    digest.update(Files.readAllBytes(file));
                }
            }
            return HexFormat.of().formatHex(digest.digest()).substring(0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** All files below a folder, in order. */
    static List<Path> files(Path root) throws IOException {
        try (Stream<Path> all = Files.walk(root)) {
            return all.filter(Files::isRegularFile).sorted().toList();
        }
    }
}
