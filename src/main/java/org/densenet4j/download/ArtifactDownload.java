package org.densenet4j.download;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Fetches an {@link Artifact} into the cache: {@code CACHE/NAME/VERSION} holds the wanted files,
 * whole or not at all; {@code CACHE/download} what is under way. A run that was stopped is
 * continued by the next one.
 */
public final class ArtifactDownload {
    /** Room left for others on the disk. */
    private static final long MARGIN_BYTES = 64L << 20;

    private final Artifact artifact;
    private final Path cache;
    private final URI jar;
    private final ResumableDownload download;

    /**
     * Describes a fetch; nothing happens yet.
     *
     * @param cache the cache folder; made when needed
     * @param repository address of a Maven repository
     */
    public ArtifactDownload(Artifact artifact, Path cache, URI repository) {
        this(artifact, cache, repository, new ResumableDownload(5, 2_000));
    }

    ArtifactDownload(Artifact artifact, Path cache, URI repository, ResumableDownload download) {
        this.artifact = artifact;
        this.cache = cache;
        this.jar = artifact.in(repository);
        this.download = download;
    }

    /** What is happening, for people. */
    public interface Listener {
        /** A step begins. */
        void step(String what);

        /** Bytes of the download that are present. */
        void downloaded(long bytes, long total);
    }

    /** The folder that will hold the libraries. */
    public Path target() {
        return cache.resolve(artifact.name()).resolve(artifact.version());
    }

    /** Whether all the libraries are there already: an older version may have wanted fewer. */
    public boolean isDone() {
        return artifact.prefixes().stream().allMatch(this::isThere);
    }

    private boolean isThere(String prefix) {
        if (!Files.isDirectory(target())) {
            return false;
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(target(), prefix + "*")) {
            return files.iterator().hasNext();
        } catch (IOException e) {
            return false;
        }
    }

    /** Bytes of the jar that an earlier run has fetched. */
    public long downloadedBytes() throws IOException {
        return Files.exists(part()) ? Files.size(part()) : 0;
    }

    private Path downloads() {
        return cache.resolve("download");
    }

    private Path part() {
        return downloads().resolve(artifact.fileName() + ".part");
    }

    /**
     * Fetches, verifies and unpacks.
     *
     * @return the folder with the libraries
     * @throws IOException in one line with the fix; what was fetched stays unless it is wrong
     */
    public Path fetch(Listener listener) throws IOException {
        if (isDone()) {
            return target();
        }
        try {
            Files.createDirectories(downloads());
            Files.createDirectories(target().getParent());
        } catch (IOException e) {
            throw new IOException(
                    "cannot write to "
                            + cache
                            + " ("
                            + e.getClass().getSimpleName()
                            + "); set DENSENET4J_CACHE to a writable folder",
                    e);
        }
        Path lockFile = downloads().resolve("lock");
        try (FileChannel channel =
                        FileChannel.open(
                                lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = lock(channel)) {
            if (!lock.isValid() || isDone()) {
                return target();
            }
            long total = artifact.downloadBytes();
            long offered = download.size(jar);
            if (offered != total) {
                throw new IOException(
                        jar
                                + " has "
                                + offered
                                + " bytes instead of "
                                + total
                                + "; name another repository with --repository");
            }
            requireSpace(total - downloadedBytes() + artifact.unpackedBytes());
            List<Checksum> checksums = checksums();
            listener.step("downloading " + jar);
            LongConsumer progress = bytes -> listener.downloaded(bytes, total);
            spaceful(() -> download.complete(jar, part(), total, progress));
            listener.step("verifying");
            verify(checksums);
            listener.step("unpacking");
            spaceful(this::unpack);
            Files.delete(part());
            return target();
        }
    }

    private static FileLock lock(FileChannel channel) throws IOException {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        }
        if (lock == null) {
            throw new IOException(
                    "another densenet4j is fetching the libraries right now; wait for it");
        }
        return lock;
    }

    private void requireSpace(long bytes) throws IOException {
        long free = Files.getFileStore(cache).getUsableSpace();
        if (free < bytes + MARGIN_BYTES) {
            throw noSpace(bytes + MARGIN_BYTES - free, null);
        }
    }

    private IOException noSpace(long missing, Throwable cause) {
        return new IOException(
                String.format(
                        Locale.ROOT,
                        "not enough space in %s: free %,d MB more, or set DENSENET4J_CACHE to a"
                                + " folder on another disk",
                        cache,
                        (missing + 999_999) / 1_000_000),
                cause);
    }

    private interface DiskWork {
        void run() throws IOException;
    }

    /** Runs work and says clearly when the disk has become full meanwhile. */
    private void spaceful(DiskWork work) throws IOException {
        try {
            work.run();
        } catch (IOException e) {
            long free = Files.getFileStore(cache).getUsableSpace();
            if (free < MARGIN_BYTES / 16) {
                throw noSpace(artifact.unpackedBytes() + MARGIN_BYTES - free, e);
            }
            throw e;
        }
    }

    /** The strongest sum that the repository offers, and the one that we know. */
    private List<Checksum> checksums() throws IOException {
        List<Checksum> all = new ArrayList<>();
        for (String[] kind : new String[][] {{"SHA-256", ".sha256"}, {"SHA-1", ".sha1"}}) {
            if (all.isEmpty()) {
                Optional<String> text = download.text(URI.create(jar + kind[1]));
                text.ifPresent(t -> all.add(Checksum.parse(kind[0], t, jar.getHost())));
            }
        }
        if (all.isEmpty()) {
            throw new IOException(
                    "no checksum beside " + jar + "; name a whole repository with --repository");
        }
        all.add(new Checksum("SHA-256", artifact.sha256(), "densenet4j"));
        return all;
    }

    private void verify(List<Checksum> checksums) throws IOException {
        for (Checksum checksum : checksums) {
            String actual = checksum.of(part());
            if (!actual.equals(checksum.value())) {
                Files.delete(part());
                throw new IOException(
                        "the download is damaged: its "
                                + checksum.algorithm()
                                + " is "
                                + actual
                                + ", "
                                + checksum.source()
                                + " says "
                                + checksum.value()
                                + "; it was deleted, run again");
            }
        }
    }

    private void unpack() throws IOException {
        Path temporary = downloads().resolve("unpacking");
        delete(temporary);
        Files.createDirectories(temporary);
        int files = 0;
        try (ZipFile zip = new ZipFile(part().toFile())) {
            Enumeration<? extends ZipEntry> entries = zip.entries();
            while (entries.hasMoreElements()) {
                ZipEntry entry = entries.nextElement();
                String name = entry.getName().substring(entry.getName().lastIndexOf('/') + 1);
                if (!entry.isDirectory() && artifact.wants(name)) {
                    write(zip, entry, temporary.resolve(name));
                    files++;
                }
            }
        }
        if (files == 0) {
            throw new IOException(artifact + " holds none of " + artifact.prefixes());
        }
        if (Files.isDirectory(target())) {
            complete(temporary);
        } else {
            Files.move(temporary, target(), StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /** Adds what an older version did not want; the files that are there may be in use. */
    private void complete(Path unpacked) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(unpacked)) {
            for (Path file : files) {
                Path place = target().resolve(file.getFileName());
                if (!Files.exists(place)) {
                    Files.move(file, place, StandardCopyOption.ATOMIC_MOVE);
                }
            }
        }
        delete(unpacked);
    }

    /** Writes one file down to the disk, so that the final rename never uncovers half of it. */
    private static void write(ZipFile zip, ZipEntry entry, Path file) throws IOException {
        try (InputStream in = zip.getInputStream(entry);
                OutputStream out = Files.newOutputStream(file)) {
            in.transferTo(out);
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    private static void delete(Path folder) throws IOException {
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
                for (Path file : files) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }
}
