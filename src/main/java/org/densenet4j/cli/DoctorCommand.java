package org.densenet4j.cli;

import org.densenet4j.download.Artifact;
import org.densenet4j.download.ArtifactDownload;
import org.densenet4j.download.CacheFolder;
import org.densenet4j.download.MavenRepository;
import org.densenet4j.plan.Bytes;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import java.io.Console;
import java.io.IOException;
import java.net.URI;
import java.util.Locale;
import java.util.concurrent.Callable;

/** {@code densenet4j doctor}: what works on this machine, what does not, and what mends it. */
@Command(
        name = "doctor",
        description = {
            "Shows which devices work here, which libraries were found where, and what to do about"
                    + " those that were not.",
            "Exit code 1 when no device works, or the one named by --device does not."
        },
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    @Option(names = "--json", description = "print one JSON object instead of text")
    private boolean json;

    @Option(
            names = "--device",
            paramLabel = "NAME",
            defaultValue = "best",
            description = "the device that must work: best, cpu or cuda (default: best)")
    private String device;

    @Option(
            names = "--fetch-cuda",
            description =
                    "download cuDNN, cuBLAS, NVRTC and NCCL (2.0 GB) from a Maven repository into the cache"
                            + " folder; a stopped download is continued")
    private boolean fetchCuda;

    @Option(names = "--yes", description = "do not ask before the download")
    private boolean yes;

    @Option(
            names = "--repository",
            paramLabel = "URL",
            description = "Maven repository (default: as Maven's settings.xml says, else Central)")
    private String repository;

    /** For picocli. */
    DoctorCommand() {}

    @Override
    public Integer call() throws IOException {
        if (!device.equals("best") && !device.equals("cpu") && !device.equals("cuda")) {
            throw new IllegalArgumentException(
                    "no device named '" + device + "'; use best, cpu or cuda");
        }
        if (fetchCuda && Job.isFirst()) {
            fetch();
        }
        Job.join();
        Diagnosis diagnosis = Diagnosis.ofThisMachine();
        if (json) {
            System.out.print(diagnosis.json());
        } else {
            System.out.print(diagnosis.text());
        }
        return diagnosis.works(device) ? 0 : 1;
    }

    private void fetch() throws IOException {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch");
        if (!os.startsWith("linux") || !arch.equals("amd64")) {
            throw new IllegalArgumentException(
                    "--fetch-cuda is for Linux on x86-64; install cuDNN 9 and CUDA 12 from NVIDIA"
                            + " here");
        }
        Artifact artifact = Artifact.CUDA_LINUX;
        URI address = MavenRepository.find(repository);
        ArtifactDownload download = new ArtifactDownload(artifact, CacheFolder.path(), address);
        if (download.isDone()) {
            System.err.println("the libraries are already in " + download.target());
            return;
        }
        long present = download.downloadedBytes();
        System.err.printf(
                Locale.ROOT,
                "cuDNN 9.5, cuBLAS 12.6, NVRTC 12.6 and NCCL 2.23 (NVIDIA's licences apply) from %s:%n"
                        + "%s to download%s, %s on the disk afterwards, in %s%n",
                address,
                Bytes.format(artifact.downloadBytes()),
                present == 0 ? "" : ", " + Bytes.format(present) + " of it already there",
                Bytes.format(artifact.unpackedBytes()),
                download.target());
        confirm();
        download.fetch(new FetchProgress(present));
        System.err.println("the libraries are in " + download.target());
    }

    private void confirm() {
        if (yes) {
            return;
        }
        Console console = System.console();
        if (console == null || !console.isTerminal()) {
            throw new IllegalArgumentException(
                    "nobody to ask whether to download; add --yes to agree");
        }
        String answer = console.readLine("Download? [y/N] ");
        if (answer == null || !answer.strip().toLowerCase(Locale.ROOT).startsWith("y")) {
            throw new IllegalArgumentException("nothing was downloaded");
        }
    }
}
