package org.densenet4j.download;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** Every way in which a download of two gigabytes can go wrong, on a jar of 300 kB. */
class ArtifactDownloadTest {
    private static final ArtifactDownload.Listener SILENT =
            new ArtifactDownload.Listener() {
                @Override
                public void step(String what) {}

                @Override
                public void downloaded(long bytes, long total) {}
            };

    @TempDir private Path cache;
    private final Artifact artifact = FakeRepository.artifact(FakeRepository.sha256(), 200_000);
    private FakeRepository repository;

    @BeforeEach
    void startServer() throws IOException {
        repository = new FakeRepository(artifact);
    }

    @AfterEach
    void stopServer() {
        repository.close();
    }

    private ArtifactDownload redist(Artifact wanted, int tries) {
        return new ArtifactDownload(
                wanted, cache, repository.address(), new ResumableDownload(tries, 1));
    }

    private ArtifactDownload redist() {
        return redist(artifact, 3);
    }

    private Path part() {
        return cache.resolve("download").resolve(artifact.fileName() + ".part");
    }

    private void assertComplete() throws IOException {
        Path target = cache.resolve("cuda").resolve("1.2-3");
        try (Stream<Path> files = Files.list(target)) {
            assertEquals(
                    List.of("libcublas.so.12", "libcudnn.so.9"),
                    files.map(f -> f.getFileName().toString()).sorted().toList());
        }
        for (String name : FakeRepository.WANTED) {
            assertArrayEquals(
                    FakeRepository.content(name), Files.readAllBytes(target.resolve(name)));
        }
        assertFalse(Files.exists(part()), "the jar is not kept");
    }

    @Test
    void aFolderOfAnOlderVersionThatWantedLessIsCompleted() throws IOException {
        Path target = Files.createDirectories(cache.resolve("cuda").resolve("1.2-3"));
        Files.write(target.resolve("libcudnn.so.9"), FakeRepository.content("libcudnn.so.9"));
        assertFalse(redist().isDone());
        redist().fetch(SILENT);
        assertComplete();
        assertTrue(redist().isDone());
    }

    @Test
    void theWantedFilesAndNoOthersArriveWhole() throws IOException {
        assertEquals(cache.resolve("cuda").resolve("1.2-3"), redist().fetch(SILENT));
        assertComplete();
        assertEquals(List.of(""), repository.ranges);
    }

    @Test
    void aSecondRunDoesNothing() throws IOException {
        redist().fetch(SILENT);
        repository.close();
        assertTrue(redist().isDone());
        redist().fetch(SILENT);
        assertComplete();
    }

    @Test
    void aBrokenConnectionIsTakenUpWhereItBroke() throws IOException {
        repository.cutAfter = 120_000;
        redist().fetch(SILENT);
        assertComplete();
        assertEquals(List.of("", "bytes=120000-", "bytes=240000-"), repository.ranges);
    }

    @Test
    void aStoppedRunIsContinuedByTheNext() throws IOException {
        repository.cutAfter = 50_000;
        IOException e = assertThrows(IOException.class, () -> redist(artifact, 1).fetch(SILENT));
        assertTrue(e.getMessage().contains("run the same command again"), e.getMessage());
        assertEquals(50_000, redist().downloadedBytes());
        repository.cutAfter = Integer.MAX_VALUE;
        redist().fetch(SILENT);
        assertComplete();
        assertEquals(List.of("", "bytes=50000-"), repository.ranges);
    }

    @Test
    void aServerWithoutRangesSendsAllAgain() throws IOException {
        Files.createDirectories(part().getParent());
        Files.write(part(), new byte[10_000]);
        repository.rangesWork = false;
        redist().fetch(SILENT);
        assertComplete();
    }

    @Test
    void aPartialFileOfSomethingLongerIsStartedAnew() throws IOException {
        Files.createDirectories(part().getParent());
        Files.write(part(), new byte[repository.jarBytes() + 1]);
        redist().fetch(SILENT);
        assertComplete();
    }

    @Test
    void aWholePartIsNotFetchedAgain() throws IOException {
        Files.createDirectories(part().getParent());
        Files.write(part(), repository.jar());
        redist().fetch(SILENT);
        assertComplete();
        assertEquals(List.of(), repository.ranges);
    }

    @Test
    void aServerThatNeverSendsMoreIsGivenUp() {
        repository.cutAfter = 0;
        IOException e = assertThrows(IOException.class, () -> redist().fetch(SILENT));
        assertTrue(e.getMessage().contains("broke"), e.getMessage());
        assertEquals(3, repository.ranges.size());
    }

    @Test
    void damageIsNoticedByTheRepositorysChecksumAndTheFileGoes() throws IOException {
        byte[] damaged = repository.jar();
        damaged[1000] ^= 1;
        Files.createDirectories(part().getParent());
        Files.write(part(), damaged);
        IOException e = assertThrows(IOException.class, () -> redist().fetch(SILENT));
        assertTrue(e.getMessage().contains("damaged: its SHA-1 is"), e.getMessage());
        assertFalse(Files.exists(part()));
        assertFalse(redist().isDone());
        redist().fetch(SILENT);
        assertComplete();
    }

    @Test
    void aRepositoryThatLiesConsistentlyIsNoticedByOurOwnChecksum() {
        Artifact other =
                FakeRepository.artifact(FakeRepository.hash("SHA-256", new byte[1]), 200_000);
        IOException e = assertThrows(IOException.class, () -> redist(other, 1).fetch(SILENT));
        assertTrue(e.getMessage().contains("densenet4j says"), e.getMessage());
        assertFalse(redist(other, 1).isDone());
    }

    @Test
    void withoutSpaceNothingIsFetched() {
        Artifact huge = FakeRepository.artifact(FakeRepository.sha256(), 1L << 60);
        IOException e = assertThrows(IOException.class, () -> redist(huge, 1).fetch(SILENT));
        assertTrue(e.getMessage().startsWith("not enough space in " + cache), e.getMessage());
        assertTrue(e.getMessage().contains("DENSENET4J_CACHE"), e.getMessage());
        assertEquals(List.of(), repository.ranges);
    }

    @Test
    void whatAKilledRunHadUnpackedIsNotTrusted() throws IOException {
        Path half = Files.createDirectories(cache.resolve("download").resolve("unpacking"));
        Files.write(half.resolve("libcudnn.so.9"), new byte[5]);
        Files.write(half.resolve("stray"), new byte[5]);
        redist().fetch(SILENT);
        assertComplete();
        assertFalse(Files.exists(half));
    }

    @Test
    void twoRunsAtOnceDoNotMix() throws IOException {
        Path lock = Files.createDirectories(cache.resolve("download")).resolve("lock");
        try (FileChannel channel =
                        FileChannel.open(
                                lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                var held = channel.lock()) {
            assertTrue(held.isValid());
            IOException e = assertThrows(IOException.class, () -> redist().fetch(SILENT));
            assertTrue(e.getMessage().contains("another densenet4j"), e.getMessage());
        }
    }

    @Test
    void aRepositoryWithoutTheJarIsNamed() {
        URI wrong = repository.address().resolve("/elsewhere");
        ArtifactDownload redist =
                new ArtifactDownload(artifact, cache, wrong, new ResumableDownload(1, 1));
        IOException e = assertThrows(IOException.class, () -> redist.fetch(SILENT));
        assertTrue(e.getMessage().contains("answered 404"), e.getMessage());
    }

    @Test
    void anUnreachableRepositoryIsNamed() {
        repository.close();
        IOException e = assertThrows(IOException.class, () -> redist().fetch(SILENT));
        assertTrue(e.getMessage().contains("cannot reach 127.0.0.1"), e.getMessage());
    }

    @Test
    void aCacheThatIsAFileIsAClearError() throws IOException {
        Path file = Files.createFile(cache.resolve("file"));
        ArtifactDownload redist =
                new ArtifactDownload(
                        artifact, file, repository.address(), new ResumableDownload(1, 1));
        IOException e = assertThrows(IOException.class, () -> redist.fetch(SILENT));
        assertTrue(e.getMessage().contains("set DENSENET4J_CACHE"), e.getMessage());
    }

    @Test
    void aJarOfAnotherSizeIsRefusedBeforeTheDownload() {
        Artifact unknown =
                new Artifact(
                        artifact.group(),
                        artifact.name(),
                        artifact.version(),
                        artifact.classifier(),
                        artifact.sha256(),
                        artifact.downloadBytes() + 1,
                        1,
                        artifact.prefixes());
        IOException e = assertThrows(IOException.class, () -> redist(unknown, 1).fetch(SILENT));
        assertTrue(e.getMessage().contains("bytes instead of"), e.getMessage());
        assertEquals(List.of(), repository.ranges);
    }

    @Test
    void aWrongChecksumInTheRepositoryIsNamed() {
        repository.sha1("0000");
        IOException e = assertThrows(IOException.class, () -> redist().fetch(SILENT));
        assertTrue(e.getMessage().contains("says 0000"), e.getMessage());
    }
}
