package org.densenet4j.backend.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where pip puts NVIDIA's libraries: {@code site-packages/nvidia/*}{@code /lib}, one folder for
 * each package (cudnn, cublas, cuda_nvrtc; cu13 for all of CUDA 13). Python is not run: folders are
 * looked at.
 *
 * @param windows whether the folders are those of Windows
 */
record PythonPackages(boolean windows) {

    /**
     * Folders of libraries under a {@code site-packages}, or under its {@code nvidia}.
     *
     * @param packages the folder that holds the packages of a Python, or those of NVIDIA
     */
    List<Path> libraries(Path packages) {
        List<Path> folders = new ArrayList<>();
        for (Path parent : List.of(packages, packages.resolve("nvidia"))) {
            for (Path child : LibraryPlace.children(parent, "*")) {
                if (windows) {
                    folders.add(child.resolve("bin"));
                    folders.add(child.resolve("bin").resolve("x86_64"));
                } else {
                    folders.add(child.resolve("lib"));
                }
            }
        }
        return folders;
    }

    /**
     * The same of a Python's installation or virtual environment.
     *
     * @param prefix such as {@code /usr}, {@code ~/.local} or the folder of a virtual environment
     */
    List<Path> ofPrefix(Path prefix) {
        List<Path> folders = new ArrayList<>();
        if (windows) {
            folders.addAll(nvidia(prefix.resolve("Lib").resolve("site-packages")));
        } else {
            for (Path python : LibraryPlace.children(prefix.resolve("lib"), "python3*")) {
                folders.addAll(nvidia(python.resolve("site-packages")));
                folders.addAll(nvidia(python.resolve("dist-packages")));
            }
        }
        return folders;
    }

    private List<Path> nvidia(Path packages) {
        Path nvidia = packages.resolve("nvidia");
        return Files.isDirectory(nvidia) ? libraries(nvidia) : List.of();
    }

    /** The prefix of the first Python in a list of folders of programs; empty without one. */
    List<Path> prefix(List<Path> programs) {
        for (Path folder : programs) {
            if (windows && Files.exists(folder.resolve("python.exe"))) {
                return List.of(folder);
            }
            if (!windows && holdsPython(folder)) {
                Path parent = folder.toAbsolutePath().getParent();
                return parent == null ? List.of() : List.of(parent);
            }
        }
        return List.of();
    }

    private static boolean holdsPython(Path folder) {
        return Files.exists(folder.resolve("python3")) || Files.exists(folder.resolve("python"));
    }
}
