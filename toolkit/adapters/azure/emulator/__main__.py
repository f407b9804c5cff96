from toolkit.adapters.azure.emulator.server import main

if __name__ == "__main__":
    main()
