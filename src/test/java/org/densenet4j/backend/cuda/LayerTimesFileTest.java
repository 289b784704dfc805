package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

class LayerTimesFileTest {
    private static final LayerTimes TIMES = new LayerTimes(1.25e-4, 3e-5);

    @TempDir private Path folder;

    private LayerTimesFile file(String configuration) {
        return new LayerTimesFile(configuration, folder.resolve("times"));
    }

    @Test
    void whatIsAddedIsReadByOthersOfTheSameConfigurationAlone() {
        LayerTimesFile file = file("a card, driver 1\n");
        assertEquals(Map.of(), file.read());
        file.add(Map.of("one", TIMES));
        file.add(Map.of("two", TIMES));
        LayerTimes later = new LayerTimes(1, 2);
        file.add(Map.of("one", later));
        assertEquals(Map.of("one", later, "two", TIMES), file("a card, driver 1\n").read());
        assertEquals(Map.of(), file("a card, driver 2\n").read());
    }

    @Test
    void linesThatAreNoTimesArePassedOver() {
        List<String> lines =
                List.of(
                        "one\t1\t2",
                        "",
                        "two\t1",
                        "two\t1\t2\t3",
                        "two\t0\t2",
                        "two\t-1\t2",
                        "two\t1\tNaN",
                        "two\tInfinity\t1",
                        "two\tone\t1");
        assertEquals(Map.of("one", new LayerTimes(1, 2)), LayerTimesFile.parsed(lines));
    }

    @Test
    void theTextOfTimesIsReadBack() {
        Map<String, LayerTimes> times = Map.of("one", TIMES, "two", new LayerTimes(7, 1e-9));
        assertEquals(times, LayerTimesFile.parsed(LayerTimesFile.text(times).lines().toList()));
    }

    @Test
    void writersAtTheSameTimeLeaveAWholeFile() throws IOException {
        try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
            IntStream.range(0, 40)
                    .forEach(i -> pool.submit(() -> file("card").add(Map.of("half " + i, TIMES))));
        }
        Map<String, LayerTimes> found = file("card").read();
        assertEquals(found.size(), found.values().stream().filter(TIMES::equals).count());
        file("card").add(Map.of("last", TIMES));
        assertEquals(found.size() + 1, file("card").read().size());
        try (Stream<Path> files = Files.list(folder.resolve("times"))) {
            assertEquals(1, files.count(), "temporary files are left");
        }
    }

    @Test
    void aFileThatCannotBeReadOrWrittenIsNoFailure() throws IOException {
        Path inTheWay = file("card").path();
        Files.createDirectories(inTheWay.resolve("a folder in the file's place"));
        file("card").add(Map.of("one", TIMES));
        assertEquals(Map.of(), file("card").read());
        try (Stream<Path> files = Files.list(inTheWay.getParent())) {
            assertEquals(1, files.count(), "temporary files are left");
        }
    }
}
