from toolkit.adapters.gcp.emulator.server import main

if __name__ == "__main__":
    main()
