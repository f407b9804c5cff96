from toolkit.adapters.aws.emulator.server import main

if __name__ == "__main__":
    main()
