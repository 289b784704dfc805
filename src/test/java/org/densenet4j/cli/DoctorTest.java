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
import java.util.stream.Stream;

/** What {@code doctor} says of machines made for the purpose. */
@EnabledOnOs(OS.LINUX)
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class DoctorTest {
    @TempDir private Path folder;

    private ChildJvm doctor(String... arguments) throws IOException {
        return doctor(Map.of("DENSENET4J_CUDA_LIBS", libraries().toString()), arguments);
    }

    private ChildJvm doctor(Map<String, String> environment, String... arguments)
            throws IOException {
        List<String> all = new ArrayList<>(List.of("doctor"));
        all.addAll(List.of(arguments));
        ChildJvm child =
                ChildJvm.run(folder, environment, Main.class.getName(), all.toArray(new String[0]));
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
        FakeCuda.nccl(libraries(), 22_304);
        String out = doctor().out();
        assertTrue(out.contains("for CUDA 12.8  " + libraries().resolve("libcuda.so.1")), out);
        assertTrue(out.contains("9.5.1  " + libraries().resolve("libcudnn.so.9")), out);
        assertTrue(out.contains("12.6.3  " + libraries().resolve("libcublas.so.12")), out);
        assertTrue(out.contains("12.6  " + libraries().resolve("libnvrtc.so.12")), out);
        assertTrue(out.contains("2.23.4  " + libraries().resolve("libnccl.so.2")), out);
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
        String reason =
                "the NVIDIA driver "
                        + libraries().resolve("libcuda.so.1")
                        + " does not start (cuInit failed: CUDA_ERROR_NO_DEVICE): ";
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
        assertTrue(out.contains("several processes train together; doctor --fetch-cuda"), out);
    }

    @Test
    void librariesNewerThanTheDriverAreNamed() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        FakeCuda.cudnn(libraries(), 13_000);
        String out = doctor().out();
        assertTrue(out.contains("is built for CUDA 13.0, the driver supports 12.8"), out);
    }

    @Test
    void cudnnOfTheNextPlaceIsTakenWhenTheFirstIsTooNew() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        FakeCuda.cudnn(folder.resolve("new"), 13_000, 90_800);
        FakeCuda.cudnn(folder.resolve("old"), 12_060, 90_501);
        String out =
                doctor(onPath(libraries(), folder.resolve("new"), folder.resolve("old"))).out();
        assertTrue(out.contains("9.5.1  " + folder.resolve("old")), out);
        assertTrue(out.contains("is built for CUDA 13.0, the driver supports 12.8"), out);
        assertFalse(out.contains("does not work: " + folder), out);
    }

    @Test
    void cublasOf13ServesADriverFor13() throws IOException {
        FakeCuda.driver(libraries(), 0, 13_000, 1);
        FakeCuda.cublas(libraries(), 13, 1, 0);
        String out = doctor().out();
        assertTrue(out.contains("13.1.0  " + libraries().resolve("libcublas.so.13")), out);
    }

    @Test
    void cublasOf13IsNotUsedOnADriverFor12() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        FakeCuda.cublas(libraries(), 13, 1, 0);
        String out = doctor().out();
        assertTrue(out.contains("cuBLAS          none that can be used"), out);
        String reason =
                libraries().resolve("libcublas.so.13")
                        + " is built for CUDA 13, the driver supports 12.8";
        assertTrue(out.contains("not used        " + reason), out);
    }

    @Test
    void halfACublasIsOneLineAndTheNextPlaceServes() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        FakeCuda.cublas(folder.resolve("half"));
        Files.delete(folder.resolve("half/libcublasLt.so.12"));
        FakeCuda.cublas(folder.resolve("whole"), 12, 4, 5);
        String out =
                doctor(onPath(libraries(), folder.resolve("half"), folder.resolve("whole"))).out();
        assertTrue(out.contains("12.4.5  " + folder.resolve("whole")), out);
        String reason =
                folder.resolve("half/libcublas.so.12") + " lacks libcublasLt.so.12 beside it";
        assertTrue(out.contains("not used        " + reason + " (LD_LIBRARY_PATH)"), out);
        assertTrue(out.contains("-> install cuBLAS whole"), out);
    }

    @Test
    void nvrtcNewerThanTheDriverIsNotUsed() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_040, 1);
        FakeCuda.nvrtc(libraries(), 12, 6);
        String out = doctor().out();
        assertTrue(
                out.contains("libnvrtc.so.12 is built for CUDA 12.6, the driver supports 12.4"),
                out);
    }

    @Test
    void anOlderCudnnAloneIsNamed() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        Files.createFile(libraries().resolve("libcudnn.so.8"));
        String line =
                "does not work: cuDNN 9 was not found, only "
                        + libraries().resolve("libcudnn.so.8")
                        + ", a version that this build cannot use; run ./densenet4j doctor"
                        + " --fetch-cuda";
        String out = doctor().out();
        assertTrue(out.contains(line), out);
    }

    @Test
    void anOlderCudnnInFrontDoesNotHideCudnn9() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        Path old = Files.createDirectories(folder.resolve("old"));
        Files.createFile(old.resolve("libcudnn.so.8"));
        FakeCuda.cudnn(libraries(), 12_060);
        String out = doctor(onPath(old, libraries())).out();
        assertTrue(out.contains("9.5.1  " + libraries().resolve("libcudnn.so.9")), out);
    }

    /** LD_LIBRARY_PATH of these folders. */
    private static Map<String, String> onPath(Path... folders) {
        List<String> names = Stream.of(folders).map(Path::toString).toList();
        return Map.of("LD_LIBRARY_PATH", String.join(":", names));
    }

    @Test
    void theStubOfAToolkitGivesWayToTheDriver() throws IOException {
        Path stubs = folder.resolve("cuda/lib64/stubs");
        FakeCuda.driver(stubs, 34, 12_080, 0);
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        String out = doctor(onPath(stubs, libraries())).out();
        assertTrue(out.contains("for CUDA 12.8  " + libraries().resolve("libcuda.so.1")), out);
        String reason =
                "not used        the NVIDIA driver "
                        + stubs.resolve("libcuda.so.1")
                        + " does not start (cuInit failed: CUDA_ERROR_STUB_LIBRARY): this libcuda is"
                        + " the stub of the CUDA toolkit, which only serves to link programs"
                        + " (LD_LIBRARY_PATH)";
        assertTrue(out.contains(reason), out);
        assertTrue(out.contains("-> take the folder named stubs out of LD_LIBRARY_PATH"), out);
    }

    @Test
    void compatibilityLibrariesThatDoNotFitGiveWayToTheDriver() throws IOException {
        Path compat = folder.resolve("cuda/compat");
        for (int status : new int[] {803, 804}) {
            FakeCuda.driver(compat, status, 12_080, 0);
            FakeCuda.driver(libraries(), 0, 12_040, 1);
            String out = doctor(onPath(compat, libraries())).out();
            assertTrue(out.contains("for CUDA 12.4  " + libraries().resolve("libcuda.so.1")), out);
            assertTrue(
                    out.contains("not used        the NVIDIA driver " + compat + "/libcuda.so.1"),
                    out);
            assertTrue(out.contains("compat folder"), out);
        }
    }

    @Test
    void aDriverWithoutADeviceTellsMoreThanAStub() throws IOException {
        Path stubs = folder.resolve("stubs");
        FakeCuda.driver(stubs, 34, 12_080, 0);
        FakeCuda.driver(libraries(), 802, 12_080, 0);
        String out = doctor(onPath(stubs, libraries())).out();
        assertTrue(
                out.contains(
                        "does not work: the NVIDIA driver " + libraries().resolve("libcuda.so.1")),
                out);
        assertTrue(out.contains("systemctl start nvidia-fabricmanager"), out);
    }

    @Test
    void everyCodeOfAStartHasACauseAndAMend() throws IOException {
        Map<Integer, String> wanted =
                Map.of(
                        2, "nvidia-smi lists the processes",
                        46, "nvidia-smi -c 0",
                        101, "CUDA_VISIBLE_DEVICES",
                        304, "--gpus all",
                        802, "nvidia-fabricmanager",
                        803, "reboot after an update");
        for (Map.Entry<Integer, String> entry : wanted.entrySet()) {
            FakeCuda.driver(libraries(), entry.getKey(), 12_080, 0);
            String first =
                    doctor().out()
                            .lines()
                            .filter(l -> l.contains("does not work"))
                            .findFirst()
                            .orElseThrow();
            assertTrue(first.contains(entry.getValue()), first);
            assertTrue(first.contains("cuInit failed: CUDA_ERROR_"), first);
        }
    }

    @Test
    void hiddenDevicesAreToldFromMissingOnes() throws IOException {
        FakeCuda.driver(libraries(), 100, 12_080, 0);
        Map<String, String> hidden =
                Map.of("DENSENET4J_CUDA_LIBS", libraries().toString(), "CUDA_VISIBLE_DEVICES", "");
        String out = doctor(hidden).out();
        assertTrue(out.contains("CUDA_VISIBLE_DEVICES is empty, which hides every device"), out);
    }

    @Test
    void aDeviceOlderThanTheKernelsIsToldSo() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, List.of(new FakeCuda.Card("Old Card", 61)));
        FakeCuda.cudnn(libraries(), 12_060);
        ChildJvm child = doctor("--device", "cuda");
        assertEquals(1, child.exitCode());
        String line =
                "does not work: CUDA device 0 (Old Card) has compute capability 6.1 and needs 7.5 or"
                        + " newer";
        assertTrue(child.out().contains(line), child.out());
        assertTrue(child.out().contains("-> needs compute capability 7.5 or newer"), child.out());
    }

    @Test
    void aLibraryThatDoesNotLoadSaysWhy() throws IOException {
        FakeCuda.driver(libraries(), 0, 12_080, 1);
        FakeCuda.cudnn(libraries(), 12_060);
        Files.writeString(libraries().resolve("libcudnn.so.9"), "half a download");
        String out = doctor().out();
        assertTrue(out.contains("cannot load " + libraries() + "/libcudnn.so.9 (file too"), out);
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
