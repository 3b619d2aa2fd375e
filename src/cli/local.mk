# schlossctl: the administration command.
