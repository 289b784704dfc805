package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;

import org.densenet4j.backend.cuda.ChildJvm;
import org.densenet4j.backend.cuda.FakeCuda;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What {@code doctor} says of machines made for the purpose. */
@EnabledOnOs(OS.LINUX)
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class DoctorTest {
    @TempDir private Path folder;

    private ChildJvm doctor(String... arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of("doctor"));
        all.addAll(List.of(arguments));
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        Map.of("DENSENET4J_CUDA_LIBS", libraries().toString()),
                        Main.class.getName(),
                        all.toArray(new String[0]));
        assertFalse(child.out().contains("\tat "), child.out());
        assertFalse(child.err().contains("\tat "), child.err());
        return child;
    }

    private Path libraries() {
        return folder.resolve("libs");
    }

    @Test
    void devicesAndVersionsAreListed() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 2);
        FakeCuda.cudnn(libraries(), 12_060);
        FakeCuda.cublas(libraries());
        FakeCuda.nvrtc(libraries(), 12, 6);
        String out = doctor().out();
        assertTrue(out.contains("for CUDA 12.8  " + libraries().resolve("libcuda.so.1")), out);
        assertTrue(out.contains("9.5.1  " + libraries().resolve("libcudnn.so.9")), out);
        assertTrue(out.contains("12.6.3  " + libraries().resolve("libcublas.so.12")), out);
        assertTrue(out.contains("12.6  " + libraries().resolve("libnvrtc.so.12")), out);
        assertTrue(out.contains("(DENSENET4J_CUDA_LIBS)"), out);
        String facts = ", 80.0 GB, compute capability 9.0, 132 multiprocessors";
        assertTrue(out.contains("device 0        First Card" + facts), out);
        assertTrue(out.contains("device 1        Second Card" + facts), out);
    }

    @Test
    void aDriverWithoutADeviceSaysWhy() throws IOException {
        FakeCuda.driver(libraries(), 100, 12_080, 0);
        ChildJvm child = doctor("--device", "cuda");
        assertEquals(1, child.exitCode());
        String reason = "the NVIDIA driver does not start (cuInit failed: CUDA_ERROR_NO_DEVICE)";
        assertTrue(child.out().contains(reason), child.out());
        assertEquals(0, doctor("--device", "cpu").exitCode());
    }

    @Test
    void anOldDriverIsToldWhatItMustBe() throws IOException {
        FakeCuda.driver(libraries(), 0, 11_040, 1);
        String out = doctor().out();
        assertTrue(out.contains("supports CUDA 11.4 and 12.0 is needed; update it"), out);
    }

    @Test
    void aDriverAloneIsToldWhatToFetch() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        String out = doctor().out();
        assertTrue(out.contains("cuDNN 9 was not found; run ./densenet4j doctor --fetch"), out);
    }

    @Test
    void librariesNewerThanTheDriverAreNamed() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        FakeCuda.cudnn(libraries(), 13_000);
        String out = doctor().out();
        assertTrue(out.contains("is built for CUDA 13.0, the driver supports 12.8"), out);
    }

    @Test
    void aLibraryThatDoesNotLoadSaysWhy() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        FakeCuda.cudnn(libraries(), 12_060);
        Files.writeString(libraries().resolve("libcudnn.so.9"), "half a download");
        String out = doctor().out();
        assertTrue(out.contains("does not load"), out);
        assertTrue(out.contains("file too short"), out);
    }

    @Test
    void jsonIsOneObjectWithTheSameFacts() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        String out = doctor("--json").out();
        List<String> names = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(out)) {
            while (parser.nextToken() != null) {
                if (parser.currentToken().name().equals("FIELD_NAME")) {
                    names.add(parser.currentName());
                }
            }
        }
        assertTrue(
                names.containsAll(List.of("best", "backends", "findings", "host", "cacheFolder")),
                names.toString());
        assertTrue(out.contains("\"computeCapability\" : \"9.0\""), out);
    }

    @Test
    void aDownloadIsNotStartedWithoutAYes() throws IOException {
        ChildJvm child = doctor("--fetch-cuda", "--repository", "https://repository.invalid");
        assertEquals(2, child.exitCode());
        assertTrue(child.err().contains("2026.7 MB to download"), child.err());
        assertTrue(child.err().contains("add --yes to agree"), child.err());
        assertFalse(Files.exists(folder.resolve("cache")));
    }

    @Test
    void aWrongRepositoryIsOneLine() throws IOException {
        ChildJvm child =
                doctor("--fetch-cuda", "--yes", "--repository", "http://127.0.0.1:9/maven2");
        assertEquals(2, child.exitCode());
        assertTrue(child.err().contains("error: cannot reach 127.0.0.1"), child.err());
    }

    @Test
    void anUnknownDeviceIsWrongInput() throws IOException {
        ChildJvm child = doctor("--device", "tpu");
        assertEquals(2, child.exitCode());
        assertTrue(child.err().contains("no device named 'tpu'"), child.err());
    }
}
